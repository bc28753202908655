import type { Runtime, SourceFiles } from './runtime.ts'

export const go: Runtime = {
  name: 'go',
  recognises: (files) => files.paths.includes('go.mod'),
  packages: (_, builds) => (builds ? ['golang-go'] : []),
  build: (files) => `CGO_ENABLED=0 go build -trimpath -o bin/${binaryOf(files)} ${mainOf(files)}`,
  processes: (files) => ({ web: `bin/${binaryOf(files)}` }),
  env: () => ({}),
}

/** As `go build` calls it: the last part of the module's name that is not its version. */
function binaryOf(files: SourceFiles): string {
  const module = /^module\s+"?([^\s"]+)/m.exec(files.text('go.mod') ?? '')?.[1] ?? 'app'
  const parts = module.split('/').filter((each) => !/^v\d+$/.test(each))
  return (parts.at(-1) ?? 'app').replace(/[^\w.-]/g, '') || 'app'
}

/** The only command under cmd/ where the top has no file of Go. */
function mainOf(files: SourceFiles): string {
  if (files.paths.some((each) => /^[^/]+\.go$/.test(each))) return '.'
  const found = files.paths.flatMap((each) => /^(cmd\/[\w.-]+)\/[^/]+\.go$/.exec(each)?.[1] ?? [])
  const commands = [...new Set(found)]
  return commands.length === 1 ? `./${commands[0]}` : '.'
}
