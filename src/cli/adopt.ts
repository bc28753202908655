import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describeHost } from '../adopt/describe.ts'
import { inventoryScript } from '../adopt/inventory-script.ts'
import { type Inventory, parseInventory } from '../adopt/inventory.ts'
import { type Reached, sourcesOf } from '../adopt/source.ts'
import { type Adopted, verify } from '../adopt/verify.ts'
import { FettleError, problem } from '../base/errors.ts'
import { sh } from '../base/shell.ts'
import { desiredOf } from '../model/desired.ts'
import { fleet } from '../model/fleet.ts'
import { role } from '../model/role.ts'
import { kinds } from '../resources/kinds.ts'
import type { Session } from '../transport/machine.ts'
import type { Target } from '../transport/target.ts'
import { SshMachine } from '../transport/ssh.ts'
import type { Flags } from './context.ts'
import { exitCodes } from './exit-code.ts'
import { json } from './render/json.ts'
import { paintFor, visible } from './render/style.ts'

/** `fettle adopt HOST`: a description of a host as it is, whose plan is empty. */
export async function adopt(
  where: string,
  flags: Flags & { readonly folder: string },
): Promise<number> {
  const folder = resolve(flags.folder)
  refuseToOverwrite(folder, ['fleet.ts', 'roles', 'files', 'left-out.md'])
  const target = await targetOf(where, flags)
  const session = new SshMachine(target).open()
  try {
    const { inventory, login } = await look(session, flags)
    const adopted = await verify(describeHost(inventory), session, kinds)
    const host = reached(target, where, inventory, login)
    checkTogether(adopted, host)
    const written = write(folder, new Map([...sourcesOf(adopted, host), ...starter(folder)]))
    show(written, adopted, folder, flags)
    return exitCodes.done
  } finally {
    await session.close()
  }
}

function refuseToOverwrite(folder: string, names: readonly string[]): void {
  for (const path of names.map((name) => join(folder, name)))
    if (existsSync(path)) throw problem('file-exists', { path })
}

/** `ada@203.0.113.10:2222`, an alias of the ssh config, or a host of the lab. */
async function targetOf(where: string, flags: Flags): Promise<Target> {
  if (flags.lab) {
    const { labTargets } = await import('../lab/targets.ts')
    const target = labTargets(process.cwd())(where)
    if (!target) throw problem('lab-not-up', { host: where })
    return target
  }
  const found = /^(?:([\w.-]+)@)?(\[[0-9a-f:]+\]|[\w.:-]+?)(?::(\d+))?$/i.exec(where)
  const [, login, address, port] = found ?? []
  if (!address)
    throw problem('usage', {
      problem: `${where} is no address of a host.`,
      next: 'Write what ssh takes, such as web1, 203.0.113.10 or ada@web1.example.com.',
    })
  const plain = address.replace(/^\[|\]$/g, '')
  return { name: plain, address: plain, login, port: port === undefined ? undefined : Number(port) }
}

async function look(
  session: Session,
  flags: Flags,
): Promise<{ inventory: Inventory; login: string }> {
  const { host } = session
  const state = `Nothing was changed on ${host}.`
  const error = (): ReturnType<typeof problem> =>
    problem('host-timeout', { host, seconds: flags.timeout, state })
  const [who, all] = await session.run(
    [{ script: sh`id -un` }, { script: inventoryScript, user: 'root' }],
    { seconds: flags.timeout, error },
  )
  const inventory = whole(() => parseInventory(all!.output), host)
  return { inventory, login: who!.output.toString('utf8').trim() }
}

function whole(read: () => Inventory, host: string): Inventory {
  const fail = (reason: string): never => {
    throw problem('read-failed', { host, resource: 'the whole host', reason })
  }
  try {
    const inventory = read()
    return inventory.packages.size > 0
      ? inventory
      : fail('there is no dpkg: only Debian and what is made from it can be adopted')
  } catch (thrown) {
    if (thrown instanceof FettleError) throw thrown
    return fail(thrown instanceof Error ? thrown.message : String(thrown))
  }
}

/** The name that it was called by, or its own where that was an address. */
function reached(target: Target, where: string, { hostname }: Inventory, login: string): Reached {
  const isAddress = /^[\d.]+$|:/.test(target.address)
  const name = isAddress ? hostname : target.name
  const inLab = target.options !== undefined
  return {
    name,
    address: inLab || target.address === name ? undefined : target.address,
    login: inLab || !where.includes('@') ? undefined : target.login,
    port: target.port,
    asRoot: login === 'root',
  }
}

/** Two claims on one thing would be a mistake of ours: better here than in the user's first plan. */
function checkTogether({ roles }: Adopted, { name }: Reached): void {
  const all = fleet({
    hosts: { [name]: {} },
    roles: roles.map((each) =>
      role(each.name, () => each.calls.flatMap((call) => call.resources())).on(name),
    ),
  })
  desiredOf(all, all.hosts.get(name)!, undefined, kinds)
}

/** What a folder with a description has beside it, as far as it is not there yet. */
function starter(folder: string): [string, Buffer][] {
  const source = new URL('../../examples/starter/', import.meta.url)
  return ['package.json', 'tsconfig.json', 'gitignore'].flatMap((name): [string, Buffer][] => {
    const as = name === 'gitignore' ? '.gitignore' : name
    if (existsSync(join(folder, as))) return []
    const text = readFileSync(new URL(name, source), 'utf8')
    // Its roles are files of their own, imported by their names.
    const own =
      name === 'tsconfig.json'
        ? text.replace(/("noEmit": true,)/, '$1\n    "allowImportingTsExtensions": true,')
        : text
    return [[as, Buffer.from(own)]]
  })
}

function write(folder: string, files: ReadonlyMap<string, string | Buffer>): string[] {
  for (const [name, content] of files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  }
  return [...files.keys()]
}

function show(
  written: readonly string[],
  { roles, leftOut }: Adopted,
  folder: string,
  flags: Flags,
): void {
  if (flags.json) {
    process.stdout.write(`${json({ version: 1, type: 'adopt', files: written, leftOut })}\n`)
    return
  }
  const paint = paintFor(process.stdout)
  const resources = roles.flatMap(({ calls }) => calls.flatMap((call) => call.resources())).length
  const here = relative(process.cwd(), folder)
  const lines = [
    ...roles.map(({ name, about, calls }) => {
      const own = calls.flatMap((call) => call.resources()).length
      return `${paint('green', '+')} ${join(here, 'roles', `${name}.ts`)}  ${paint('dim', `${about} (${own})`)}`
    }),
    ...(leftOut.length === 0 ? [] : ['', paint('bold', 'Left out:')]),
    ...leftOut.map(({ what, why }) => `  ${visible(what)}  ${paint('dim', visible(why))}`),
    '',
    `Described ${resources} resources; each was read back and is as described.`,
    `Next: \`fettle plan\`${here ? ` in ${here}` : ''} shows that there is nothing to change.`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}
