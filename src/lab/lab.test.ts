import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import { labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { ContainerEngine } from './container-engine.ts'
import { Lab, type LabHost } from './lab.ts'
import { owner } from './owner.ts'
import { sweep } from './sweep.ts'

describe.skipIf(!labAvailable)(`the lab ${labMissing}`, () => {
  const labs: Lab[] = []
  const folders: string[] = []

  afterAll(async () => {
    for (const lab of labs) await lab.down()
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  })

  async function folder(): Promise<string> {
    const made = await mkdtemp(join(tmpdir(), 'fettle test '))
    folders.push(made)
    return made
  }

  async function open(where: string, who: string = owner()): Promise<Lab> {
    const lab = await Lab.open(where, undefined, who)
    labs.push(lab)
    return lab
  }

  test('boots hosts that ssh reaches, once', async () => {
    const lab = await open(await folder())
    const [web1, web2] = await lab.up(['web1', 'web2'])
    const look =
      'hostname; systemctl is-system-running; systemctl daemon-reload; ps -o lstart= -p 1'
    const first = await ssh(web1!, look)
    expect(first.split('\n').slice(0, 2)).toEqual(['web1', 'running'])
    expect(await ssh(web2!, 'hostname')).toBe('web2')

    const again = await lab.up(['web1', 'web2', 'db1'])
    expect(again.slice(0, 2)).toEqual([web1, web2])
    expect(await ssh(web1!, look)).toBe(first)
    expect((await lab.list()).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'db1 running',
      'web1 running',
      'web2 running',
    ])
    await expect(lab.host('web3')).rejects.toMatchObject({ code: 'lab-not-up' })
    await expect(lab.reset(['web3'])).rejects.toMatchObject({ code: 'lab-not-up' })
  })

  test('installs packages, and is bare again after a reset', async () => {
    const lab = await open(await folder())
    const [before] = await lab.up(['web1'])
    await ssh(before!, 'apt-get -q update && apt-get -qy install tree && tree --version')
    const keys = await ssh(before!, 'cat /etc/ssh/ssh_host_ed25519_key.pub; cat /etc/machine-id')

    const [after] = await lab.reset(['web1'])
    expect(after).toEqual(before)
    expect(await ssh(after!, 'command -v tree || echo bare')).toBe('bare')
    const [key, machine] = keys.split('\n')
    const now = await ssh(after!, 'cat /etc/ssh/ssh_host_ed25519_key.pub; cat /etc/machine-id')
    expect(now.split('\n')[0]).toBe(key)
    expect(now.split('\n')[1]).not.toBe(machine)
  })

  test('is a machine of its own, as far as a container can be', async () => {
    const lab = await open(await folder())
    const [web1] = await lab.up(['web1'])
    const settings = '/proc/sys/net/core/somaxconn'
    const outside = await readFile(settings, 'utf8').catch(() => '')
    expect(await ssh(web1!, 'sysctl -w net.core.somaxconn=4321')).toContain('4321')
    expect(await readFile(settings, 'utf8').catch(() => '')).toBe(outside)
    for (const key of ['vm.swappiness=61', 'kernel.panic=61'])
      expect(await ssh(web1!, `sysctl -w ${key} 2>&1 || :`)).toContain('permission denied')

    const unit = 'systemd-run --quiet --wait --pipe --property'
    expect(await ssh(web1!, `touch /tmp/mine; ${unit} PrivateTmp=yes ls /tmp`)).toBe('')
    expect(await ssh(web1!, `${unit} User=nobody id -un`)).toBe('nobody')
    const write = 'sh -c "touch /etc/mine 2>&1; :"'
    expect(await ssh(web1!, `${unit} ProtectSystem=strict ${write}`)).toContain('Read-only')
    // Programs replace these by renaming; over a mount that would fail.
    const files = '/etc/hosts /etc/resolv.conf /etc/hostname'
    await ssh(web1!, `for f in ${files}; do cp $f $f.new && mv $f.new $f || exit 1; done`)
  })

  test('keeps the disk of a host that was switched off, and of one that hung', async () => {
    const lab = await open(await folder())
    const [web1] = await lab.up(['web1'])
    await ssh(web1!, 'echo kept > /root/kept; echo "10.0.0.9 other" >> /etc/hosts; sync')
    await lab.stop('web1')
    expect((await lab.host('web1')).state).toBe('stopped')
    await lab.up(['web1'])
    expect(await ssh(web1!, 'cat /root/kept; tail -n 1 /etc/hosts')).toBe('kept\n10.0.0.9 other')
    await lab.cut('web1')
    await expect(ssh(web1!, 'true')).rejects.toThrow()
    await lab.restore('web1')
    expect(await ssh(web1!, 'cat /root/kept')).toBe('kept')
  })

  test('never meets the lab of another folder', async () => {
    const [one, other] = [await open(await folder()), await open(await folder())]
    const [[mine], [theirs]] = await Promise.all([one.up(['web1']), other.up(['web1'])])
    expect(mine!.target.address).not.toBe(theirs!.target.address)
    expect(mine!.container).not.toBe(theirs!.container)
    expect(await one.list()).toHaveLength(1)
    await one.down()
    expect(await one.list()).toEqual([])
    expect(await ssh(theirs!, 'hostname')).toBe('web1')

    const engine = (await ContainerEngine.find()) as ContainerEngine
    expect(await engine.networks(`fettle.lab=${one.id}`)).toEqual([])
    const [back] = await one.up(['web1'])
    expect(back).toEqual(mine)
  })

  test('repairs what a killed up left, wherever it was', async () => {
    const where = await folder()
    const lab = await open(where)
    for (const moment of [500, 650, 800, 1000, 1300]) {
      const child = await labIn(where, owner(), `await lab.up(['web1', 'web2'])`)
      await pause(moment)
      child.kill('SIGKILL')
      for (const host of await lab.up(['web1', 'web2'])) {
        expect(host.state).toBe('running')
        expect(await ssh(host, 'systemctl is-system-running')).toBe('running')
      }
      await lab.down()
    }
  })

  test('sweeps the labs of dead processes and no other', async () => {
    const [dead, alive, users] = [await folder(), await folder(), await folder()]
    const child = await labIn(dead, undefined, `await lab.up(['web1']); console.log('up')`)
    await once(child.stdout!, 'data')
    child.kill('SIGKILL')
    await once(child, 'close')
    const kept = [await open(alive), await open(users, 'user')]
    for (const lab of kept) await lab.up(['web1'])
    const left = await open(dead)
    expect(await left.list()).toHaveLength(1)

    const engine = (await ContainerEngine.find()) as ContainerEngine
    await sweep(engine)
    expect(await left.list()).toEqual([])
    expect(await engine.networks(`fettle.lab=${left.id}`)).toEqual([])
    for (const lab of kept) expect(await lab.list()).toHaveLength(1)
  })

  /** A lab in a process of its own, which owns it unless another owner is given. */
  async function labIn(where: string, who: string | undefined, script: string) {
    const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
    const file = join(await folder(), 'child.ts')
    await writeFile(
      file,
      `import { Lab } from ${JSON.stringify(here('lab.ts'))}
       import { owner } from ${JSON.stringify(here('owner.ts'))}
       const lab = await Lab.open(process.argv[2], undefined, process.argv[3] ?? owner())
       ${script}
       setInterval(() => {}, 1000)`,
    )
    const jiti = fileURLToPath(import.meta.resolve('jiti/package.json')).replace(
      'package.json',
      'lib/jiti-cli.mjs',
    )
    const words = [jiti, file, where, ...(who ? [who] : [])]
    return spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  }
})

/** What a command prints over ssh; rejects when it fails or takes longer than any here may. */
async function ssh({ target }: LabHost, command: string): Promise<string> {
  const words = [...target.options!, `${target.login}@${target.address}`, command]
  const timeout = command.includes('apt-get') ? 50_000 : 3000
  const { stdout } = await promisify(execFile)('ssh', words, { timeout })
  return stdout.trim()
}
