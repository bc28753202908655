import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { problem } from '../base/errors.ts'

export interface Output {
  readonly code: number
  readonly output: string
}

/** What `inspect` says of a container, as far as podman and docker agree. */
export interface Container {
  readonly name: string
  readonly status: string
  readonly labels: Readonly<Record<string, string>>
}

export interface Network {
  readonly name: string
  readonly subnet: string
  readonly labels: Readonly<Record<string, string>>
}

export interface ContainerPlan {
  readonly name: string
  readonly hostname: string
  readonly network: string
  readonly address: string
  readonly image: string
  readonly labels: Readonly<Record<string, string>>
  readonly command: readonly string[]
}

type Json = Record<string, any>

/** Podman or docker: the few things that a lab asks of either. */
export class ContainerEngine {
  readonly command: 'podman' | 'docker'
  readonly #flags: readonly string[]

  constructor(command: 'podman' | 'docker', flags: readonly string[]) {
    this.command = command
    this.#flags = flags
  }

  /** The engine that works here, or why none does. */
  static async find(): Promise<ContainerEngine | string> {
    if (process.platform !== 'linux')
      return 'only on Linux can the addresses of containers be reached from outside them'
    const podman = await run('podman', ['info', '--format', '{{.Host.Security.Rootless}}'])
    // A line of its own: the first run of a fresh podman may complain about other things before it.
    if (podman.code === 0 && /^false$/m.test(podman.output))
      return new ContainerEngine('podman', await podmanFlags())
    const docker = await run('docker', ['info', '--format', '{{.ServerVersion}}'])
    if (docker.code === 0) return new ContainerEngine('docker', dockerFlags())
    if (podman.code === 0)
      return 'podman without root gives containers no address that this machine can reach'
    if (podman.code !== 127) return `podman does not work: ${lastLine(podman.output)}`
    if (docker.code !== 127) return `docker does not work: ${lastLine(docker.output)}`
    return 'neither podman nor docker is installed'
  }

  /** Runs a subcommand; a failure is an error that says what the lab was about to do. */
  async call(doing: string, args: readonly string[], input?: string | Buffer): Promise<string> {
    const { code, output } = await this.try(args, input)
    if (code === 0) return output
    throw problem(
      'lab-command-failed',
      { doing, reason: lastLine(output), state: 'What was started before stays as it is.' },
      { log: output },
    )
  }

  try(args: readonly string[], input?: string | Buffer | Readable): Promise<Output> {
    return run(this.command, args, input)
  }

  async start(plan: ContainerPlan): Promise<void> {
    const names = ['--name', plan.name, '--hostname', plan.hostname]
    // A host that is made anew must keep its hardware address too: neighbours remember the old one.
    const mac = ['--mac-address', hardwareAddress(plan.address)]
    const place = ['--network', plan.network, '--ip', plan.address, ...mac]
    const words = [
      'run',
      '--detach',
      ...names,
      ...place,
      ...Object.entries(plan.labels).flatMap(([key, value]) => ['--label', `${key}=${value}`]),
      ...this.#flags,
      plan.image,
      ...plan.command,
    ]
    const { code, output } = await this.try(words)
    if (code === 0) return
    // A start that was cut short can outlive its Fettle and take the name a moment later.
    if (/already in use/i.test(output)) await this.remove([plan.name])
    await this.call(`start ${plan.hostname}`, words)
  }

  /** Removes containers with all that is in them, running or not; absent ones are no error. */
  async remove(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    const now = this.command === 'podman' ? ['--ignore', '--time', '0'] : []
    const { code, output } = await this.try(['rm', '--force', '--volumes', ...now, ...names])
    if (code === 0 || /no such container/i.test(output)) return
    // Two removals at once get in each other's way; what counts is whether anything is left.
    const left = (await this.containers()).filter((each) => names.includes(each.name))
    if (left.length > 0) await this.call('remove its hosts', ['rm', '--force', ...now, ...names])
  }

  /** The containers with a label (`key` or `key=value`), in any state. */
  async containers(label = 'fettle.lab'): Promise<Container[]> {
    const filter = ['--filter', `label=${label}`]
    const listed = await this.call('list its hosts', ['ps', '--all', '--quiet', ...filter])
    // One that goes away between the two commands is simply not in the answer.
    return (await this.#inspect('container', listed)).map((each) => ({
      name: String(each.Name).replace(/^\//, ''),
      status: String(each.State?.Status),
      labels: each.Config?.Labels ?? {},
    }))
  }

  async networks(label = 'fettle.lab'): Promise<Network[]> {
    const filter = ['--filter', `label=${label}`]
    const listed = await this.call('list its networks', ['network', 'ls', '--quiet', ...filter])
    return (await this.#inspect('network', listed)).map((each) => ({
      name: each.name ?? each.Name,
      subnet: each.subnets?.[0]?.subnet ?? each.IPAM?.Config?.[0]?.Subnet ?? '',
      labels: each.labels ?? each.Labels ?? {},
    }))
  }

  async #inspect(what: 'container' | 'network', listed: string): Promise<Json[]> {
    const ids = listed.split('\n').filter(Boolean)
    if (ids.length === 0) return []
    const args = what === 'container' ? ['inspect', '--type', 'container'] : [what, 'inspect']
    const { output } = await run(this.command, [...args, ...ids], undefined, 'stdout')
    try {
      return JSON.parse(output) as Json[]
    } catch {
      const each = await Promise.all(
        ids.map((id) => run(this.command, [...args, id], undefined, 'stdout')),
      )
      return each.flatMap(({ code, output: one }) =>
        code === 0 ? (JSON.parse(one) as Json[]) : [],
      )
    }
  }
}

/** Runs a program here; 127 when it is not installed. */
export function run(
  command: string,
  args: readonly string[],
  input?: string | Buffer | Readable,
  keep: 'all' | 'stdout' = 'all',
): Promise<Output> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'pipe' })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => keep === 'all' && chunks.push(chunk))
    child.on('error', () => resolve({ code: 127, output: `${command}: not found` }))
    child.on('close', (code) =>
      resolve({ code: code ?? 137, output: Buffer.concat(chunks).toString() }),
    )
    // A program that ends without reading its input is judged by its exit code alone.
    child.stdin.on('error', () => {})
    if (input !== undefined && typeof input !== 'string' && !Buffer.isBuffer(input)) {
      input.on('error', () => child.kill('SIGKILL'))
      input.pipe(child.stdin)
    } else child.stdin.end(input)
  })
}

/** A locally administered address that follows from the IP address, as docker makes them. */
function hardwareAddress(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).padStart(2, '0'))
  return ['02', '42', ...bytes].join(':')
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) || 'it printed nothing'
}

/**
 * Rights beyond a plain container's: SYS_ADMIN so that the sandboxing of units is real (without it
 * systemd leaves it out in silence), the others for firewalls, ping, priorities and debuggers, all
 * of which stay inside the container's own namespaces.
 */
const wanted = {
  SYS_ADMIN: 21,
  NET_ADMIN: 12,
  NET_RAW: 13,
  SYS_PTRACE: 19,
  MKNOD: 27,
  SYS_NICE: 23,
}
const further = { AUDIT_WRITE: 29 }

function capabilities(): string[] {
  return Object.entries({ ...wanted, ...further })
    .filter(([, bit]) => (bounding() >> BigInt(bit)) & 1n)
    .flatMap(([name]) => ['--cap-add', name])
}

/** What this process may pass on; where that cannot be read, the engine is the judge. */
function bounding(): bigint {
  if (process.getuid?.() !== 0) return ~0n
  const bits = /^CapBnd:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status'))?.[1]
  return bits === undefined ? ~0n : BigInt(`0x${bits}`)
}

async function podmanFlags(): Promise<string[]> {
  const runc = await run('runc', ['--version'])
  return [
    // crun refuses hybrid cgroups; runc knows both kinds.
    ...(runc.code === 0 ? ['--runtime', 'runc'] : []),
    '--systemd=always',
    '--no-hosts',
    ...limits(),
    ...capabilities(),
    ...unconfined(),
  ]
}

/** Untested where this was written: there was no docker engine at hand. */
function dockerFlags(): string[] {
  return [
    '--env=container=docker',
    '--cgroupns=private',
    '--tmpfs=/run',
    '--tmpfs=/run/lock',
    '--tmpfs=/tmp:exec',
    ...capabilities(),
    ...unconfined(),
  ]
}

/** AppArmor's profiles for containers forbid mounts, which systemd needs for sandboxing. */
function unconfined(): string[] {
  const enabled = read('/sys/module/apparmor/parameters/enabled').startsWith('Y')
  return enabled ? ['--security-opt', 'apparmor=unconfined'] : []
}

/** Podman raises limits by default, which a confined machine refuses: pass on what is there. */
function limits(): string[] {
  const own = read('/proc/self/limits')
  const hard = (name: string): string | undefined =>
    new RegExp(`^${name} +\\S+ +(\\d+)`, 'm').exec(own)?.[1]
  const files = hard('Max open files')
  // Podman lowers its own limit on processes to a number it does not tell; this much was granted.
  const processes = Math.min(Number(hard('Max processes') ?? Infinity), 32_768)
  return [
    ...(files ? ['--ulimit', `nofile=${files}:${files}`] : []),
    ...(own ? ['--ulimit', `nproc=${processes}:${processes}`] : []),
  ]
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
