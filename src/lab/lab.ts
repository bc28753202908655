import { mkdir, realpath, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../base/errors.ts'
import type { Target } from '../transport/target.ts'
import { entry, prepare, untilUp } from './boot.ts'
import {
  type Container,
  type ContainerEngine,
  type Network,
  type Output,
} from './container-engine.ts'
import { ensureImage, usualSuite } from './image.ts'
import { Keys, sshOptions } from './keys.ts'
import { locked } from './lock.ts'
import { addressIn, ensureNetwork, shortHash } from './network.ts'
import { ensurePrerequisites } from './prerequisites.ts'
import { raiseInotify } from './scarcity.ts'
import { type LabState, readState } from './targets.ts'

export interface LabHost {
  readonly name: string
  readonly target: Target
  /** The name of its container, for podman or docker. */
  readonly container: string
  readonly state: 'running' | 'stopped'
}

/** More would only wait for the engine's locks and the processors. */
const atOnce = 4

/** The labels that a host keeps for as long as the lab's files are there. */
const places = ['fettle.address', 'fettle.keys'] as const

/** The release that a host was booted with, so that a reset gives it the same. */
const suiteLabel = 'fettle.suite'

export interface LabOptions {
  readonly report?: ((line: string) => void) | undefined
  /** Whose lab it is: `user`, or a process (see owner.ts) whose death makes it nobody's. */
  readonly owner?: string | undefined
}

/** The lab of one description: its hosts as containers on a network of their own. */
export class Lab {
  readonly id: string
  readonly folder: string
  readonly #engine: ContainerEngine
  readonly #keys: Keys
  readonly #report: (line: string) => void
  readonly #owner: string

  private constructor(engine: ContainerEngine, folder: string, options: LabOptions) {
    this.folder = join(folder, '.fettle', 'lab')
    this.id = shortHash(folder)
    this.#engine = engine
    this.#keys = new Keys(this.folder)
    this.#report = options.report ?? (() => {})
    this.#owner = options.owner ?? 'user'
  }

  /** `folder` is the folder of the description; the lab's files live in its `.fettle/lab/`. */
  static async open(folder: string, report?: (line: string) => void, owner?: string): Promise<Lab> {
    const real = await realpath(folder)
    const engine = await ensurePrerequisites(report ?? (() => {}))
    return new Lab(engine, real, { report, owner })
  }

  /** Boots the hosts that are not up yet, of this release; those that are stay as they are. */
  async up(names: readonly string[], suite: string = usualSuite): Promise<LabHost[]> {
    raiseInotify(this.#report)
    const image = await ensureImage(this.#engine, this.#report, suite)
    return this.#locked(async () => {
      const [network, present] = await Promise.all([this.#network(), this.#containers()])
      const addresses = await this.#addresses(network, names)
      await together(names, (name) =>
        this.#bring(name, { suite, image }, network, addresses, present),
      )
      return this.#hosts(names)
    })
  }

  /** Puts hosts (all when none is named) back to bare: same address, same host key. */
  async reset(names?: readonly string[]): Promise<LabHost[]> {
    return this.#locked(async () => {
      const present = await this.#containers()
      const chosen = names ?? [...present.keys()]
      for (const name of chosen) if (!present.has(name)) throw problem('lab-not-up', { host: name })
      const suiteOf = (name: string): string => present.get(name)?.labels[suiteLabel] ?? usualSuite
      const images = new Map<string, string>()
      for (const suite of new Set(chosen.map(suiteOf)))
        images.set(suite, await ensureImage(this.#engine, this.#report, suite))
      const network = await this.#network()
      const addresses = await this.#addresses(network, chosen)
      await together(chosen, async (name) => {
        await this.#engine.remove([this.#container(name)])
        const system = { suite: suiteOf(name), image: images.get(suiteOf(name))! }
        await this.#bring(name, system, network, addresses, new Map())
      })
      return this.#hosts(chosen)
    })
  }

  /** Removes the hosts and their network. Image, keys and addresses are kept for the next time. */
  async down(): Promise<void> {
    await this.#locked(async () => {
      await removeLab(this.#engine, this.id)
      // Without a subnet, nobody takes the hosts for being up (see targets.ts).
      const { numbers } = readState(this.folder)
      await this.#save({ numbers })
    })
  }

  async list(): Promise<LabHost[]> {
    const present = await this.#containers()
    return [...present.entries()]
      .map(([name, container]) => this.#host(name, container))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  }

  async host(name: string): Promise<LabHost> {
    const found = (await this.list()).find((each) => each.name === name)
    if (!found) throw problem('lab-not-up', { host: name })
    return found
  }

  /** Runs a script as root through the container engine, without ssh: for looking and preparing. */
  async exec(name: string, script: string, input?: string | Buffer): Promise<Output> {
    const container = this.#container(name)
    return this.#engine.try(['exec', '--interactive', container, 'sh', '-c', script], input ?? '')
  }

  /** Freezes a host: it keeps its connections and answers nothing, until it is restored. */
  async cut(name: string): Promise<void> {
    await this.#engine.call(`pause ${name}`, ['pause', this.#container(name)])
  }

  async restore(name: string): Promise<void> {
    await this.#engine.call(`resume ${name}`, ['unpause', this.#container(name)])
  }

  /** Switches a host off at once, as if its power had failed; `up` starts it with its disk kept. */
  async stop(name: string): Promise<void> {
    await this.#engine.call(`stop ${name}`, ['kill', this.#container(name)])
  }

  async #bring(
    name: string,
    system: { readonly suite: string; readonly image: string },
    network: Network,
    addresses: Readonly<Record<string, string>>,
    present: ReadonlyMap<string, Container>,
  ): Promise<void> {
    const container = this.#container(name)
    const address = addresses[name]!
    const [login, host] = await Promise.all([this.#keys.login(), this.#keys.host(name)])
    const labels = {
      ...this.#labels(),
      'fettle.host': name,
      'fettle.address': address,
      'fettle.keys': shortHash(login.open + host.open),
      [suiteLabel]: system.suite,
    }
    const there = present.get(name)
    // If the lab's files were lost, nobody can log in to what was booted with them.
    const ours = places.every((key) => there?.labels[key] === labels[key])
    const found = ours ? there : undefined
    if (found?.status === 'paused') await this.restore(name)
    else if (found?.status === 'exited' || found?.status === 'stopped')
      await this.#engine.call(`start ${name}`, ['start', container])
    else if (found?.status !== 'running') {
      // Nothing, or what an interrupted run left half made.
      if (there) await this.#engine.remove([container])
      this.#report(`Booting ${name} at ${address}`)
      await this.#engine.start({
        name: container,
        hostname: name,
        network: network.name,
        address,
        image: system.image,
        labels,
        command: entry,
      })
    }
    const keys = { login, host, hosts: hostsFile(name, address) }
    const booted = await prepare(this.#engine, container, keys)
    await untilUp(this.#engine, { name, container, address, booted })
  }

  async #hosts(names: readonly string[]): Promise<LabHost[]> {
    const all = await this.list()
    return names.flatMap((name) => all.filter((each) => each.name === name))
  }

  #host(name: string, container: Container): LabHost {
    const address = container.labels['fettle.address'] ?? ''
    return {
      name,
      container: container.name,
      state: container.status === 'running' ? 'running' : 'stopped',
      target: { name, address, login: 'root', options: sshOptions(this.folder) },
    }
  }

  async #containers(): Promise<Map<string, Container>> {
    const all = await this.#engine.containers(`fettle.lab=${this.id}`)
    return new Map(all.map((each) => [each.labels['fettle.host'] ?? each.name, each]))
  }

  async #network(): Promise<Network> {
    const { subnet } = readState(this.folder)
    return ensureNetwork(this.#engine, `fettle-${this.id}`, this.#labels(), subnet)
  }

  /** The address of every host the lab has ever had; new names get the next free numbers. */
  async #addresses(network: Network, names: readonly string[]): Promise<Record<string, string>> {
    const numbers: Record<string, number> = { ...readState(this.folder).numbers }
    for (const name of names) numbers[name] ??= firstFree(Object.values(numbers))
    const addresses = Object.fromEntries(
      Object.entries(numbers).map(([name, number]) => [name, addressIn(network.subnet, number)]),
    )
    await this.#save({ subnet: network.subnet, numbers })
    await this.#keys.writeKnownHosts(addresses)
    return addresses
  }

  async #save(state: LabState): Promise<void> {
    const path = join(this.folder, 'state.json')
    await writeFile(`${path}.new`, `${JSON.stringify(state, undefined, 2)}\n`)
    await rename(`${path}.new`, path)
  }

  async #locked<Result>(work: () => Promise<Result>): Promise<Result> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    // Keys and state are this machine's own, whatever the checkout's .gitignore says.
    await writeFile(join(this.folder, '.gitignore'), '*\n')
    return locked(join(this.folder, 'lock'), work)
  }

  #labels(): Record<string, string> {
    return {
      'fettle.lab': this.id,
      'fettle.owner': this.#owner,
      'fettle.folder': join(this.folder, '..', '..'),
    }
  }

  #container(name: string): string {
    return `fettle-${this.id}-${name}`
  }
}

/** Removes the containers and the network of a lab by its id. */
export async function removeLab(engine: ContainerEngine, id: string): Promise<void> {
  const containers = await engine.containers(`fettle.lab=${id}`)
  await together(containers, (each) => engine.remove([each.name]))
  for (const { name } of await engine.networks(`fettle.lab=${id}`)) {
    const { code, output } = await engine.try(['network', 'rm', name])
    if (code !== 0 && !/not found|no such/i.test(output))
      await engine.call('remove its network', ['network', 'rm', name])
  }
}

function hostsFile(name: string, address: string): string {
  return `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n${address}\t${name}\n`
}

function firstFree(taken: readonly number[]): number {
  for (let number = 0; ; number++) if (!taken.includes(number)) return number
}

/** A few at once; the first error is thrown when every one has ended, so that nothing runs on. */
async function together<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items]
  const errors: unknown[] = []
  const worker = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift())
      await work(item).catch((error: unknown) => errors.push(error))
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  if (errors.length > 0) throw errors[0]
}
