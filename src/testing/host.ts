import { problem } from '../base/errors.ts'
import { redact } from '../base/secret.ts'
import { Shell, lines, sh } from '../base/shell.ts'
import type { Facts } from '../model/facts.ts'
import { type Inode, parseStat, statPaths } from '../resources/inode.ts'
import type { Answer, Session } from '../transport/machine.ts'
import { Http, type HttpOptions, Port } from './network.ts'
import { type Like, Subject, type Surroundings, excerpt, isLike, likeWords } from './subject.ts'

/**
 * A lab host that was made as described, as a test sees it. What does not hold yet is looked at
 * again for 5 seconds.
 */
export interface TestHost {
  readonly name: string
  /** Where this machine reaches it. */
  readonly address: string
  readonly roles: readonly string[]
  readonly facts: Facts
  /** A web page: a path, or an address whose name this host is then asked by. */
  http(url: string, options?: HttpOptions): Http
  /** A TCP port, seen from outside the host. */
  port(number: number): Port
  file(path: string): FileThere
  service(name: string): ServiceThere
  /** A line for a shell on the host, run once as root or as this user. */
  run(line: string, options?: { readonly user?: string }): Run
  /** The same host, whose expectations have so many seconds to become true; `run` is repeated. */
  within(seconds: number): TestHost
}

/** Who is looked at, and how. */
export interface World {
  readonly name: string
  readonly address: string
  readonly roles: readonly string[]
  readonly facts: Facts
  readonly session: Session
}

const usualPatience = 5

export function testHost(world: World, watch: Surroundings['watch'], within?: number): TestHost {
  const { name, address, roles, facts, session } = world
  const around = { watch, patience: within ?? usualPatience }
  return {
    name,
    address,
    roles,
    facts,
    http: (url, options = {}) => new Http(address, url, options, around),
    port: (number) => new Port(address, number, around),
    file: (path) => new FileThere(session, path, around),
    service: (each) => new ServiceThere(session, each, around),
    // What a line does, it does not do twice unless somebody says so.
    run: (line, { user } = {}) => new Run(session, line, user, { watch, patience: within ?? 0 }),
    within: (seconds) => testHost(world, watch, seconds),
  }
}

/** For one answer of a host. Seconds. */
const longestWait = 60

async function ask(session: Session, script: Shell, user: string): Promise<Answer> {
  const { host } = session
  const state = 'The tests of this host that come later may fail because of it.'
  const error = (): Error => problem('host-timeout', { host, seconds: longestWait, state })
  const limit = { seconds: longestWait, error: error as () => ReturnType<typeof problem> }
  return (await session.run([{ script, user }], limit))[0]!
}

/** How a command ended. */
export interface RunResult {
  readonly code: number
  /** What it printed, errors too. */
  readonly output: string
}

export class Run extends Subject<RunResult> {
  readonly #session: Session
  readonly #line: string
  readonly #user: string

  constructor(session: Session, line: string, user: string | undefined, around: Surroundings) {
    super(`${JSON.stringify(line)}${user === undefined ? '' : ` as ${user}`}`, around)
    this.#session = session
    this.#line = line
    this.#user = user ?? 'root'
  }

  /** It ends with this exit code, having printed this. */
  gives(code: number, text?: Like): Promise<void> {
    const printed = text === undefined ? '' : ` and ${likeWords(text)}`
    return this.expect(`gives exit code ${code}${printed}`, (seen) =>
      seen.code === code && (text === undefined || isLike(seen.output, text))
        ? undefined
        : `exit code ${seen.code}${excerpt(seen.output)}`,
    )
  }

  protected async read(): Promise<RunResult> {
    const { code, output } = await ask(this.#session, Shell.literal(this.#line), this.#user)
    return { code, output: output.toString('utf8') }
  }
}

export interface FileSeen extends Inode {
  /** Of a file, or of what a link leads to; its first MiB. */
  readonly content: string
}

/** Longer content is not looked at. Bytes. */
const longestContent = 1024 * 1024

export class FileThere extends Subject<FileSeen> {
  readonly #session: Session
  readonly #path: string

  constructor(session: Session, path: string, around: Surroundings) {
    super(path, around)
    this.#session = session
    this.#path = path
  }

  contains(text: Like): Promise<void> {
    return this.expect(`contains ${likeWords(text)}`, (seen) => {
      if (seen.type === 'absent') return 'nothing there'
      return isLike(seen.content, text) ? undefined : `${seen.type}${excerpt(seen.content)}`
    })
  }

  /** It is like this: `{ mode: '0640', owner: 'root' }`; without any wish, it is there. */
  is(
    wanted: Partial<Pick<Inode, 'type' | 'mode' | 'owner' | 'group' | 'target'>> = {},
  ): Promise<void> {
    const wishes = Object.entries(wanted) as [keyof typeof wanted, string][]
    const words = wishes.map(([field, value]) => `${field} ${value}`).join(', ')
    return this.expect(words === '' ? 'is there' : `has ${words}`, (seen) => {
      if (seen.type === 'absent') return 'nothing there'
      const wrong = wishes.filter(
        ([field, value]) => plain(field, seen[field]) !== plain(field, value),
      )
      return wrong.length === 0
        ? undefined
        : wrong.map(([field]) => `${field} ${seen[field] || '(none)'}`).join(', ')
    })
  }

  isAbsent(): Promise<void> {
    return this.expect('is not there', ({ type }) => (type === 'absent' ? undefined : `a ${type}`))
  }

  protected async read(): Promise<FileSeen> {
    const path = this.#path
    const content = sh`[ ! -f ${path} ] || head -c ${longestContent} -- ${path}`
    const { output } = await ask(this.#session, lines(statPaths([path]), content), 'root')
    const { inodes, rest } = parseStat(output, [path])
    return { ...inodes[0]!, content: rest.toString('utf8') }
  }
}

/** Permissions are the same with and without leading zeros. */
const plain = (field: string, value: string): string =>
  field === 'mode' ? value.replace(/^0+(?=.)/, '') : value

export interface ServiceSeen {
  /** As systemd says it: `active`, `inactive`, `failed`... */
  readonly active: string
  /** `enabled`, `disabled`, `static`... */
  readonly enabled: string
  /** The end of its log, when it does not run. */
  readonly log: string
}

export class ServiceThere extends Subject<ServiceSeen> {
  readonly #session: Session
  readonly #name: string

  constructor(session: Session, name: string, around: Surroundings) {
    super(`service ${name}`, around)
    this.#session = session
    this.#name = name
  }

  isRunning(): Promise<void> {
    return this.expect('is running', ({ active, log }) =>
      active === 'active' ? undefined : `it is ${active}${excerpt(log)}`,
    )
  }

  isStopped(): Promise<void> {
    return this.expect('is stopped', ({ active }) =>
      active === 'inactive' ? undefined : `it is ${active}`,
    )
  }

  /** It is started at boot. */
  isEnabled(): Promise<void> {
    return this.expect('is enabled', ({ enabled }) =>
      enabled === 'enabled' ? undefined : `it is ${enabled || 'not there'}`,
    )
  }

  protected async read(): Promise<ServiceSeen> {
    const script = sh`systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -- ${this.#name}
systemctl -q is-active -- ${this.#name} || journalctl -q --no-pager -o cat -n 8 -u ${this.#name} | sed 's/^/log=/'`
    const rows = (await ask(this.#session, script, 'root')).output.toString('utf8').split('\n')
    const values = (name: string): string[] =>
      rows.flatMap((row) => (row.startsWith(`${name}=`) ? [row.slice(name.length + 1)] : []))
    const [load = '', active = '', sub = '', enabled = ''] = [
      'LoadState',
      'ActiveState',
      'SubState',
      'UnitFileState',
    ].map((name) => values(name)[0])
    const word = load === 'not-found' ? 'not there' : sub === 'auto-restart' ? sub : active
    return { active: word, enabled, log: redact(values('log').join('\n')) }
  }
}
