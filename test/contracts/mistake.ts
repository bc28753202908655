import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { afterAll, expect } from 'vitest'
import { FettleError } from '../../src/base/errors.ts'
import { Project } from '../../src/cli/project.ts'
import { desiredOf } from '../../src/model/desired.ts'
import { kinds } from '../../src/resources/kinds.ts'

/** A description in a folder of its own; as on disk, so that lines are those that a user sees. */
export class Description {
  readonly folder: string

  constructor(source: string, files: Readonly<Record<string, string>> = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'fettle-model-'))
    for (const [name, content] of Object.entries({ ...files, 'fleet.ts': source })) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true })
      writeFileSync(join(this.folder, name), content)
    }
  }

  /** The error that ends its evaluation for all of its hosts. */
  async error(): Promise<FettleError> {
    try {
      const fleet = await new Project(join(this.folder, 'fleet.ts')).fleet()
      for (const host of fleet.hosts.values()) desiredOf(fleet, host, undefined, kinds)
    } catch (thrown) {
      if (thrown instanceof FettleError) return thrown
      throw thrown
    }
    throw new Error('no mistake was found')
  }
}

const folders: string[] = []
afterAll(() => folders.splice(0).forEach((each) => rmSync(each, { recursive: true })))

/** The error of a description, and its text without the folder. */
export async function errorOf(
  source: string,
  files: Readonly<Record<string, string>> = {},
): Promise<{ error: FettleError; folder: string; message: string }> {
  const description = new Description(source, files)
  const { folder } = description
  folders.push(folder)
  const error = await description.error()
  return { error, folder, message: error.message.replaceAll(folder, '.') }
}

/**
 * What is said of a description: code, what is wrong, what to write. The line that must be named
 * is the one that ends with `// here`; without any there must be no line.
 */
export async function mistake(
  source: string,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { error, folder } = await errorOf(source, files)
  const at = error.at && `${relative(folder, error.at.file)}:${error.at.line}`
  expect(at).toBe(marked({ ...files, 'fleet.ts': source }))
  expect(error.state).toBe('No host was contacted.')
  return `${error.code}\n${error.message}\n${error.next}`.replaceAll(folder, '.')
}

function marked(files: Readonly<Record<string, string>>): string | undefined {
  for (const [name, content] of Object.entries(files)) {
    const line = content.split('\n').findIndex((each) => each.endsWith('// here'))
    if (line >= 0) return `${name}:${line + 1}`
  }
  return undefined
}

/** A description of one host with one role whose body is given. */
export const withRole = (...body: string[]): string => `import * as all from 'fettle'
import { absent, directory, file, fleet, link, role } from 'fettle'

interface Vars {
  greeting: string
}

const web = role<Vars>('web', (host) => {
  ${body.join('\n  ')}
})

export default fleet({
  hosts: { web1: { vars: { greeting: 'Hello' } } },
  roles: [web.on('web1')],
})
`
