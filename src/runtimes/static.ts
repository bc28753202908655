import { apache, apachePackages } from './apache.ts'
import type { Runtime, SourceFiles } from './runtime.ts'

const folders = ['public', '']

export const staticSite: Runtime = {
  name: 'static',
  recognises: (files) => rootOf(files) !== undefined,
  packages: () => apachePackages,
  build: () => undefined,
  processes(files): Readonly<Record<string, string>> {
    const root = rootOf(files) ?? ''
    const has = (page: string): boolean =>
      files.paths.includes(root === '' ? page : `${root}/${page}`)
    const directives = ['DirectoryIndex index.html']
    if (has('404.html')) directives.push('ErrorDocument 404 /404.html')
    // Where all of the source is served, what describes it is not part of the site.
    if (root === '') directives.push('RedirectMatch 404 "^/(Procfile|README[^/]*)$"')
    return { web: apache({ root, directives }) }
  },
  env: () => ({}),
}

function rootOf({ paths }: SourceFiles): string | undefined {
  return folders.find((each) => paths.includes(each === '' ? 'index.html' : `${each}/index.html`))
}
