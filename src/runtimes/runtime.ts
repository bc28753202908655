/** The files of an app's source, as far as a runtime wants to know them. */
export interface SourceFiles {
  /** Relative paths, as `public/index.html`. */
  readonly paths: readonly string[]
  /** The text of one of them; undefined when it is not there. */
  text(path: string): string | undefined
}

/** What makes programs of one language run: recognised by files, brought by packages. */
export interface Runtime {
  readonly name: string
  recognises(files: SourceFiles): boolean
  /** Debian packages that its hosts need: to run, and to build unless that is done elsewhere. */
  packages(files: SourceFiles, builds: boolean): readonly string[]
  /**
   * A shell line that builds the tree it stands in, as the build user; undefined: nothing is to be built. On
   * a host, $FETTLE_CACHE is a folder that is kept from one build of the app to the next.
   */
  build(files: SourceFiles): string | undefined
  /** Commands by process where there is no Procfile; they may use `$PORT` and `$HOST`. */
  processes(files: SourceFiles): Readonly<Record<string, string>>
  /** What every process finds in its environment, such as a PATH with the tree's own programs. */
  env(tree: string): Readonly<Record<string, string>>
}
