import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { problem } from '../base/errors.ts'
import { run } from './container-engine.ts'

export interface KeyPair {
  readonly path: string
  readonly secret: string
  readonly open: string
}

/** The words that make ssh use the keys in these files and nothing of the user's own. */
export function sshOptions(files: string): string[] {
  const settings = [
    'IdentitiesOnly=yes',
    `UserKnownHostsFile="${join(files, 'known_hosts')}"`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
  ]
  const words = settings.flatMap((each) => ['-o', each])
  return ['-F', 'none', '-i', join(files, 'login.key'), ...words]
}

/** The lab's login key and one host key for each host, made once and kept with the lab's files. */
export class Keys {
  readonly folder: string
  readonly #pairs = new Map<string, Promise<KeyPair>>()

  constructor(folder: string) {
    this.folder = folder
  }

  get knownHosts(): string {
    return join(this.folder, 'known_hosts')
  }

  login(): Promise<KeyPair> {
    return this.#pair('login')
  }

  host(name: string): Promise<KeyPair> {
    return this.#pair(`host-${name}`)
  }

  /** Writes known_hosts anew: one line for each host, whatever was there. */
  async writeKnownHosts(addresses: Readonly<Record<string, string>>): Promise<void> {
    const lines = await Promise.all(
      Object.entries(addresses).map(async ([name, address]) => {
        const { open } = await this.host(name)
        return `${address} ${open.trim()}\n`
      }),
    )
    const fresh = `${this.knownHosts}.${process.pid}`
    await writeFile(fresh, lines.join(''))
    await rename(fresh, this.knownHosts)
  }

  /** Hosts that boot at the same time ask for the login key at the same time: it is made once. */
  #pair(name: string): Promise<KeyPair> {
    const pair = this.#pairs.get(name) ?? this.#make(name)
    this.#pairs.set(name, pair)
    return pair
  }

  async #make(name: string): Promise<KeyPair> {
    const path = join(this.folder, `${name}.key`)
    const present = await this.#load(path)
    if (present) return present
    await mkdir(this.folder, { recursive: true, mode: 0o700 })
    // Made under another name: half a key, or one that an interrupted run still makes, is no key.
    const fresh = `${path}.${process.pid}`
    const words = `-q -t ed25519 -C fettle-lab-${name}`.split(' ')
    const { code, output } = await run('ssh-keygen', [...words, '-N', '', '-f', fresh])
    if (code !== 0)
      throw problem('lab-command-failed', {
        doing: `make the key ${path}`,
        reason: output.trim(),
        state: 'Nothing was started.',
      })
    await rename(`${fresh}.pub`, `${path}.pub`)
    await rename(fresh, path)
    return (await this.#load(path))!
  }

  async #load(path: string): Promise<KeyPair | undefined> {
    try {
      const [secret, open] = await Promise.all([
        readFile(path, 'utf8'),
        readFile(`${path}.pub`, 'utf8'),
      ])
      return { path, secret, open }
    } catch {
      return undefined
    }
  }
}
