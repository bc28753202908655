import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { quote } from '../../src/base/shell.ts'
import { labAvailable, labMissing, test as onHosts } from '../lab/fixture.ts'
import type { TestHost } from '../lab/fixture.ts'
import { type Ended, Folder } from './cli.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const yardstick = join(root, '../shared/bench/web-role/ansible')
const ansible = spawnSync('ansible-playbook', ['--version']).status === 0
const impossible = !labAvailable
  ? labMissing
  : !ansible
    ? '(skipped: ansible-playbook is not installed)'
    : !existsSync(yardstick)
      ? '(skipped: the playbook of the benchmark is not beside the repository)'
      : ''

/** Everything that the compiler says about what was written. */
function typeErrors(folder: string): string {
  // The compiler looks for `fettle` in node_modules, as a user's does.
  const modules = join(folder, 'node_modules')
  if (!existsSync(modules)) symlinkSync(join(root, 'node_modules'), modules)
  const settings = {
    extends: './tsconfig.json',
    compilerOptions: {
      paths: { fettle: [join(root, 'src/index.ts')] },
      types: ['node'],
      noUncheckedIndexedAccess: true,
    },
    include: ['*.ts', 'roles'],
  }
  writeFileSync(join(folder, 'tsconfig.check.json'), JSON.stringify(settings))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { stdout } = spawnSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.check.json', '--pretty', 'false'],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  )
  return stdout
}

describe.skipIf(impossible !== '')(`the web role of the benchmark ${impossible}`, () => {
  onHosts(
    'has nothing to change where Ansible has converged, and makes the same of a bare host',
    async ({ boot }) => {
      const [converged, bare] = await boot(2)
      const folder = prepared([converged!, bare!])
      await Promise.all([converged, bare].map((host) => withPython(host!)))
      const played = play(folder, converged!)
      expect(played.stdout).toMatch(/web1 +: ok=\d+ +changed=[1-9]\d* +unreachable=0 +failed=0/)

      const imported = await folder.fettle(['import', 'ansible', 'ansible/site.yml', '--out', '.'])
      expect(imported.stdout).toContain('Everything was translated.')
      expect(imported.code).toBe(0)
      expect(typeErrors(folder.path)).toBe('')

      const plan = await folder.fettle(['plan', '--lab', '--host', converged!.name, '--full'])
      expect(plan.stdout).toContain('Nothing to change on 1 host')
      const up = await folder.fettle(['up', '--lab', '--yes', '--host', bare!.name])
      expect(`${up.stdout}${up.stderr}`).toContain('done:')
      expect(up.code).toBe(0)
      const check = play(folder, bare!, '--check')
      expect(check.stdout).toMatch(/web2 +: ok=\d+ +changed=0 +unreachable=0 +failed=0/)
    },
    900_000,
  )
})

/** The playbook of the benchmark, with an inventory of these hosts. */
function prepared(hosts: readonly TestHost[]): Folder {
  const folder = new Folder(hosts)
  cpSync(yardstick, join(folder.path, 'ansible'), { recursive: true })
  for (const each of readdirSync(join(folder.path, 'ansible'), {
    withFileTypes: true,
    recursive: true,
  }))
    chmodSync(join(each.parentPath, each.name), each.isDirectory() ? 0o755 : 0o644)
  const rows = hosts.map(({ name, target }) => {
    const words = ['-F', 'none', ...(target.options ?? [])].map(quote).join(' ')
    return `${name} ansible_host=${target.address} ansible_user=root ansible_ssh_common_args="${words}"\n`
  })
  return folder.write('ansible/hosts', `[web]\n${rows.join('')}`)
}

async function withPython(host: TestHost): Promise<void> {
  const install = 'apt-get -q -y install --no-install-recommends python3 python3-apt'
  const { code, output } = await host.exec(
    `export DEBIAN_FRONTEND=noninteractive; apt-get -q update && ${install}`,
  )
  expect(code, output).toBe(0)
}

function play(folder: Folder, host: TestHost, ...words: readonly string[]): Pick<Ended, 'stdout'> {
  const { stdout, stderr } = spawnSync(
    'ansible-playbook',
    ['-i', 'hosts', 'site.yml', '--limit', host.name, ...words],
    {
      cwd: join(folder.path, 'ansible'),
      encoding: 'utf8',
      env: {
        ...process.env,
        ANSIBLE_HOST_KEY_CHECKING: 'False',
        ANSIBLE_LOCAL_TEMP: join(folder.path, 'tmp'),
        ANSIBLE_SSH_CONTROL_PATH_DIR: join(folder.path, 'cp'),
      },
    },
  )
  return { stdout: `${stdout}${stderr}` }
}

describe('the command', () => {
  const tasks = (text: string): string => `- hosts: all\n  tasks:\n${text}`
  const one = '    - name: motd\n      copy: { content: "hello\\n", dest: /etc/motd }\n'

  test('writes a project that loads, and ends with 0 when nothing is left', async () => {
    const folder = new Folder().write('hosts', 'web1\n').write('site.yml', tasks(one))
    const done = await folder.fettle(['import', 'ansible', 'site.yml', '--out', 'here'])
    expect(done.stderr).toBe('')
    expect(done.stdout).toContain('Wrote fleet.ts, roles/site.ts to here.')
    expect(done.code).toBe(0)
    expect(typeErrors(join(folder.path, 'here'))).toBe('')
    const again = await folder.fettle(['import', 'ansible', 'site.yml', '--out', 'here'])
    expect(again.stderr).toContain('is there already')
    expect(again.code).toBe(2)
  })

  test('ends with 1 when something is left, and names its line', async () => {
    const left =
      '    - name: container\n      docker_container: name=x\n    - name: late\n      service: name=x state=restarted\n      when: gone is changed\n'
    const folder = new Folder().write('hosts', 'web1\n').write('site.yml', tasks(one + left))
    const { code, stdout } = await folder.fettle(['import', 'ansible', 'site.yml', '-i', 'hosts'])
    expect(stdout).toContain(
      '  site.yml:5  container\n    the module docker_container is not translated',
    )
    expect(stdout).toContain(
      '  site.yml:7  late\n    the task whose changes it waits for was not translated',
    )
    expect(stdout).toContain('2 things are left to do by hand.')
    expect(code).toBe(1)
    expect(folder.read('fettle/roles/site.ts')).toContain('// TODO container (site.yml:5): ')
    const json = await folder.fettle(['import', 'ansible', 'site.yml', '--out', 'other', '--json'])
    expect(JSON.parse(json.stdout)).toMatchObject({
      type: 'import',
      left: [{ file: 'site.yml', line: 5, what: 'container' }, { line: 7 }],
    })
  })

  test('refuses what it cannot read, and writes nothing', async () => {
    const folder = new Folder().write('hosts', 'web1\n').write('site.yml', '- hosts: [\n')
    const broken = await folder.fettle(['import', 'ansible', 'site.yml'])
    expect(broken.stderr).toMatch(/site\.yml, line \d+: .*nothing was written/s)
    expect(broken.code).toBe(2)
    const missing = await folder.fettle(['import', 'ansible', 'no.yml'])
    expect(missing.stderr).toContain('There is no no.yml.')
    expect(existsSync(join(folder.path, 'fettle'))).toBe(false)
  })
})
