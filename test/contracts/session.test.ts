import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe } from 'vitest'
import { LocalMachine } from '../../src/transport/local.ts'
import { SshMachine } from '../../src/transport/ssh.ts'
import { type TestHost, bootForFile, labAvailable, labMissing } from '../lab/fixture.ts'
import { type Subject, sessionContract } from './session.ts'

const here = (script: string): string =>
  spawnSync('sh', ['-c', script], { encoding: 'utf8', maxBuffer: 1e9 }).stdout

const busybox = here('command -v busybox').trim()

for (const shell of [['dash'], ['bash'], ['bash', '--posix'], ['busybox', 'sh']]) {
  const missing = here(`command -v ${shell[0]}`) === ''
  const ordinary = process.getuid?.() !== 0
  const why = missing ? ' (not installed)' : ordinary ? ' (needs root to become nobody)' : ''
  describe.skipIf(missing || ordinary)(`a session through ${shell.join(' ')} here${why}`, () =>
    sessionContract(() => ({
      machine: new LocalMachine('here', shell),
      look: async (script) => here(script),
    })),
  )
}

describe.skipIf(!labAvailable)(`a session over ssh ${labMissing}`, () => {
  const hosts = bootForFile(1)

  describe('to root', () => sessionContract(() => subject(hosts()[0]!, 'root')))

  describe('to a login that becomes others by sudo', () =>
    sessionContract(async () => {
      const host = hosts()[0]!
      await done(
        host,
        `useradd -m -s /bin/bash deploy
        install -d -o deploy -m 700 ~deploy/.ssh
        install -o deploy -m 600 ~root/.ssh/authorized_keys ~deploy/.ssh/
        echo 'deploy ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/deploy`,
      )
      return subject(host, 'deploy')
    }))

  describe('to a host whose sh is bash', () =>
    sessionContract(async () => {
      await done(hosts()[0]!, 'ln -sf bash /bin/sh')
      return subject(hosts()[0]!, 'root')
    }))

  const noBusybox = busybox ? '' : ' (busybox is not installed here)'
  describe.skipIf(!busybox)(`to a host whose sh is busybox${noBusybox}`, () =>
    sessionContract(async () => {
      const install =
        'cat > /usr/local/bin/busybox && chmod 755 /usr/local/bin/busybox && ln -sf /usr/local/bin/busybox /bin/sh'
      await done(hosts()[0]!, install, readFileSync(busybox))
      return subject(hosts()[0]!, 'root')
    }),
  )
})

function subject(host: TestHost, login: string): Subject {
  return {
    machine: new SshMachine({ ...host.target, login }),
    // Here as well: the command line of ssh must not show anything either.
    look: async (script) => here(script) + (await done(host, script)),
  }
}

async function done(host: TestHost, script: string, input?: Buffer): Promise<string> {
  const { code, output } = await host.exec(script, input)
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${output}`)
  return output
}
