import type { Runtime, SourceFiles } from './runtime.ts'

interface Manifest {
  readonly main?: unknown
  readonly scripts?: Readonly<Record<string, unknown>>
  readonly dependencies?: object
  readonly devDependencies?: object
  readonly optionalDependencies?: object
  readonly workspaces?: unknown
}

export const node: Runtime = {
  name: 'node',
  recognises: (files) => files.paths.includes('package.json'),
  // npm brings some 370 packages with it: it is there only for who needs it.
  packages(files, builds) {
    const manifest = manifestOf(files)
    const needsNpm =
      (builds && buildLine(files, manifest) !== undefined) ||
      startLine(files, manifest) === npmStart
    return needsNpm ? ['nodejs', 'npm'] : ['nodejs']
  },
  build: (files) => buildLine(files, manifestOf(files)),
  processes(files): Readonly<Record<string, string>> {
    const web = startLine(files, manifestOf(files))
    return web === undefined ? {} : { web }
  },
  env: (tree) => ({
    NODE_ENV: 'production',
    PATH: `${tree}/node_modules/.bin:/usr/local/bin:/usr/bin:/bin`,
  }),
}

const npmStart = 'npm start'

/** Undefined when nothing can be known, as for a URL: then everything may be needed. */
function manifestOf(files: SourceFiles): Manifest | undefined {
  const text = files.text('package.json')
  if (text === undefined) return undefined
  try {
    const found: unknown = JSON.parse(text)
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}

function buildLine(files: SourceFiles, manifest: Manifest | undefined): string | undefined {
  const locked = ['package-lock.json', 'npm-shrinkwrap.json'].some((each) =>
    files.paths.includes(each),
  )
  const has = (group: object | undefined): boolean => Object.keys(group ?? {}).length > 0
  const needed =
    has(manifest?.dependencies) ||
    has(manifest?.optionalDependencies) ||
    has(manifest?.workspaces as object | undefined)
  const building = manifest === undefined || typeof manifest.scripts?.['build'] === 'string'
  const alsoForBuild = building && has(manifest?.devDependencies)
  const install = `npm ${locked ? 'ci' : 'install'} --no-audit --no-fund`
  const steps = [
    (manifest === undefined || needed || alsoForBuild) &&
      // NODE_ENV=production would leave out what the build needs.
      (building ? `${install} --include=dev` : `${install} --omit=dev`),
    building && `npm run ${manifest === undefined ? '--if-present ' : ''}build`,
    alsoForBuild && 'npm prune --omit=dev --no-audit --no-fund',
  ].filter((each) => each !== false)
  return steps.length === 0 ? undefined : steps.join(' && ')
}

/** npm itself passes SIGTERM on to a shell that may not: the script is run without it where it can be. */
function startLine(files: SourceFiles, manifest: Manifest | undefined): string | undefined {
  const { start, prestart, poststart } = manifest?.scripts ?? {}
  if (typeof start === 'string') {
    if (prestart !== undefined || poststart !== undefined || /\bnpm_/.test(start)) return npmStart
    return start
  }
  if (manifest === undefined) return npmStart
  if (files.paths.includes('server.js')) return 'node server.js'
  const { main } = manifest
  return typeof main === 'string' && files.paths.includes(main.replace(/^\.\//, ''))
    ? `node ${/^[\w./-]+$/.test(main) ? main : `'${main.replaceAll("'", "'\\''")}'`}`
    : undefined
}
