import type { Shell } from '../base/shell.ts'
import type { AppDescription } from '../model/app.ts'

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
  /** What its programs run in, where that is not the host itself. */
  readonly enclosure?: Enclosure
}

/** What programs run in, made of a tree on each host: the image of a container. All of it is root's work. */
export interface Enclosure {
  /** True on a host that has that of a tree. */
  isThere(app: string, tree: string): Shell
  /** Makes it of the source that it stands in; what it prints is the log of the build. */
  make(app: Pick<AppDescription, 'name' | 'image'>, files: SourceFiles, tree: string): Shell
  /** Prints what must be the same on all hosts; undefined where each host makes its own. */
  identity(app: Pick<AppDescription, 'name' | 'image'>, tree: string): Shell | undefined
  /** Removes those of trees that are no longer in this folder. */
  prune(app: string, trees: string): Shell
  launch(release: Launched): Launcher
}

/** A release, as far as starting its programs goes. */
export interface Launched {
  readonly app: string
  readonly user: string
  /** The id of its tree, and where that is. */
  readonly tree: string
  readonly folder: string
  /** What its programs can write to. */
  readonly data: string
  /** The names in its environment file. */
  readonly names: readonly string[]
  /** How long an instance may take to end, in seconds. */
  readonly stop: number
}

/** How the programs of a release are started, and by whom. */
export interface Launcher {
  /** What units say of who starts them and where. */
  readonly starts: readonly string[]
  /** What units say of what programs may do. */
  readonly sandbox: readonly string[]
  /** What the unit of an instance says of how it begins and ends; of a command, empty where it has its own. */
  instance(command: string): readonly string[]
  /** The shell script of an instance, and of what runs to its end. */
  script(command: string, runs: 'on' | 'once'): string
  /** The shell script that starts a shell with the words that it is given. */
  readonly shell: string
}
