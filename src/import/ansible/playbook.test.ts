import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { Project } from '../../cli/project.ts'
import { desiredOf } from '../../model/desired.ts'
import type { Facts } from '../../model/facts.ts'
import { type Resource, idOf } from '../../model/resource.ts'
import { kinds } from '../../resources/kinds.ts'
import { type Imported, importPlaybook } from './playbook.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folders: string[] = []
afterAll(() => folders.forEach((each) => rmSync(each, { recursive: true, force: true })))

type Texts = Readonly<Record<string, string>>

function folderWith(files: Texts): string {
  const folder = mkdtempSync(join(tmpdir(), 'fettle-import-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const hosts = '[web]\nweb1 ansible_user=root\n'

function run(files: Texts): Promise<Imported> {
  const folder = folderWith({ hosts, ...files })
  return importPlaybook(join(folder, 'site.yml'), [join(folder, 'hosts')])
}

/** A play with these tasks. */
function tasks(text: string, more: Texts = {}): Promise<Imported> {
  const inside = text.trim().replace(/^/gm, '    ')
  return run({ 'site.yml': `- hosts: all\n  tasks:\n${inside}\n`, ...more })
}

const left = ({ report }: Imported): string[] =>
  report.left.map(({ line, what, why }) => `${line} ${what}: ${why}`)
const notes = ({ report }: Imported): string[] => report.notes.map(({ why }) => why)

/** What was written, in a folder of its own. */
function written({ files }: Imported): string {
  const texts = [...files].map(([name, content]): [string, string] => [
    name,
    typeof content === 'string' ? content : readFileSync(content.copy, 'utf8'),
  ])
  return folderWith(Object.fromEntries(texts))
}

function typeErrors(folder: string): string {
  if (!existsSync(join(folder, 'node_modules')))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const compilerOptions = {
    ...(
      JSON.parse(readFileSync(join(root, 'examples/starter/tsconfig.json'), 'utf8')) as {
        compilerOptions: object
      }
    ).compilerOptions,
    allowImportingTsExtensions: true,
    noUncheckedIndexedAccess: true,
    paths: { fettle: [join(root, 'src/index.ts')] },
    types: ['node'],
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['*.ts', 'roles'] }),
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  return spawnSync(process.execPath, [tsc, '-p', folder, '--pretty', 'false'], {
    cwd: folder,
    encoding: 'utf8',
  }).stdout
}

const facts: Facts = {
  hostname: 'web1.example.test',
  os: { id: 'debian', version: '12', codename: 'bookworm' },
  architecture: 'x86_64',
  kernel: '6.1.0',
  cpus: 2,
  memory: 4 * 1024 ** 3,
  addresses: ['10.0.0.5'],
}

/** Type checks and loads it as `fettle plan` does; gives what is desired of a host. */
async function desired(imported: Imported, host = 'web1'): Promise<Resource[]> {
  const folder = written(imported)
  expect(typeErrors(folder)).toBe('')
  const fleet = await new Project(join(folder, 'fleet.ts')).fleet()
  return desiredOf(fleet, fleet.hosts.get(host)!, facts, kinds)
}

function contentOf(all: readonly Resource[], id: string): unknown {
  return (all.find((each) => idOf(each) === id)!.desired as { content?: unknown }).content
}

/** A task, and what stands for it in the role. */
const translated: readonly (readonly [string, string])[] = [
  ['- apt: { name: nginx, update_cache: yes }', "packages('nginx')"],
  [
    '- ansible.builtin.apt: { name: [nginx, git], state: absent, purge: true }',
    "absent(packages(['nginx', 'git'], { purge: true }))",
  ],
  [
    '- apt: name=redis=5:7.0* install_recommends=no',
    "packages(['redis'], { version: '5:7.0*', recommends: false })",
  ],
  ['- apt: name={{ item }}\n  loop: [jq, acl]', "packages(['jq', 'acl'])"],
  [
    '- file: { path: /srv/a/, state: directory, mode: 0750 }',
    "directory('/srv/a', { mode: '0750' })",
  ],
  ['- file: { src: ../b, dest: /srv/c, state: link }', "link('/srv/c', { to: '../b' })"],
  [
    '- file: { path: /srv/t, state: touch, mode: "0600" }',
    "run: 'install -m 0600 /dev/null /srv/t'",
  ],
  ['- copy: { content: "a\\nb", dest: /etc/x, owner: root }', 'content: `a\nb`,'],
  [
    '- copy:\n    content: x\n    dest: /etc/y\n    mode: u=rw,g=r,o=',
    "file('/etc/y', { content: 'x', mode: '0640' })",
  ],
  ["- lineinfile: { path: /etc/z, regexp: '^#?Port\\b', line: Port 22 }", 'TODO'],
  [
    "- lineinfile: { path: /etc/z, regexp: '^(#|)Port ', line: Port 22 }",
    "startsWith: ['#Port ', 'Port ']",
  ],
  [
    '- user: { name: ada, groups: "sudo,adm", append: yes, uid: 2000, createhome: no }',
    "user('ada', { uid: 2000, groups: ['sudo', 'adm'], keepGroups: true, createHome: false })",
  ],
  [
    '- user: { name: bob, state: absent, remove: yes }',
    "absent(user('bob', { removeHome: true }))",
  ],
  ['- group: { name: crew, gid: 2100, system: yes }', "group('crew', { gid: 2100, system: true })"],
  [
    "- authorized_key: { user: ada, key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcsfxqOih6441V17YWcPnw6oUwceA/KOs5EKRCwIWJV ada', exclusive: yes }",
    "keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcsfxqOih6441V17YWcPnw6oUwceA/KOs5EKRCwIWJV ada'],",
  ],
  ['- systemd: { name: nginx.service, state: started, enabled: yes }', "service('nginx')"],
  ['- service: { name: apache2, state: stopped, enabled: no }', "absent(service('apache2'))"],
  ['- service: { name: late, state: started, enabled: no }', "service('late', { enabled: false })"],
  [
    "- cron: { name: Nightly dump, special_time: daily, job: 'date +\\%F', cron_file: dump }",
    "cron('dump', { schedule: '@daily', command: 'date +%F' })",
  ],
  ['- sysctl: { name: vm.swappiness, value: 10 }', "sysctl('vm.swappiness', 10)"],
  [
    '- git: { repo: "https://example.test/a.git", dest: /srv/git, version: v1, depth: 1 }',
    "git('/srv/git', { url: 'https://example.test/a.git', ref: 'v1', depth: 1 })",
  ],
  [
    '- name: build\n  command: make "a b" $HOME\n  args: { chdir: /src, creates: /bin/x }',
    "run: \"make 'a b' '$HOME'\"",
  ],
  [
    '- name: dump\n  shell: echo $HOME | wc\n  args: { removes: /tmp/x }\n  environment: { A: b }',
    "environment: { A: 'b' }",
  ],
  [
    "- get_url: { url: 'https://example.test/t', dest: /usr/local/bin/, checksum: 'sha256:" +
      'a'.repeat(64) +
      "', mode: '0755' }",
    "download('/usr/local/bin/t', {",
  ],
]

describe('tasks', () => {
  test.each(translated)('%s', async (task, code) => {
    const imported = await tasks(task)
    const role = imported.files.get('roles/site.ts')
    expect(String(role)).toContain(code)
    expect(left(imported)).toHaveLength(code === 'TODO' ? 1 : 0)
    if (code !== 'TODO') await desired(imported)
  })

  test.each([
    [
      '- docker_container: { name: x }',
      '3 docker_container: the module docker_container is not translated',
    ],
    ['- name: go\n  command: date', '3 go: it runs in every run'],
    ['- apt: { name: jq, default_release: sid }', '3 apt: default_release: sid is not translated'],
    ['- apt: name=jq\n  delegate_to: other', '3 apt: delegate_to: it is not done on each host'],
    ['- apt: upgrade=dist', '3 apt: all packages are upgraded'],
    ['- template: { src: no.j2, dest: /x }', '3 template: there is no file no.j2'],
    [
      '- copy: { content: "{{ nowhere }}", dest: /x }',
      '3 copy: nowhere is not defined in what was read',
    ],
    ['- copy: { content: "{{ [1, 2] }}", dest: /x }', "3 copy: a list is printed in Python's way"],
    ['- service: { name: a, state: restarted }', '3 service: it is restarted in every run'],
    ['- apt: name=jq\n  notify: nobody', '3 apt: it notifies nobody, and there is no such handler'],
    [
      '- apt: name=jq\n  when: other.stdout == "x"',
      '3 apt: its condition (other.stdout == "x"): other is not defined in what was read',
    ],
    ['- apt: name=jq\n  with_sequence: count=3', '3 apt: this kind of loop is not translated'],
    ['- file: { path: /x, mode: "u+x" }', '3 file: only the permissions of a file are described'],
    [
      '- get_url: { url: "https://x.test/a", dest: /x }',
      '3 get_url: what is downloaded has no sha256 checksum',
    ],
    ['- no: one\n  knows: this', '3 task: it is not clear which module it names'],
    ['- include_tasks: gone.yml', '3 include_tasks: the module include_tasks is not translated'],
  ])('%s is reported on its line', async (task, remark) => {
    const imported = await tasks(task)
    expect(left(imported)).toEqual([remark])
    await desired(imported)
  })
})

describe('what belongs together', () => {
  test('handlers, by name, by topic, and through register', async () => {
    const imported = await run({
      'site.yml': `
- hosts: all
  handlers:
    - name: restart app
      service: { name: app, state: restarted }
    - name: rebuild
      command: newaliases
      listen: mail
  tasks:
    - copy: { content: a, dest: /etc/a }
      notify: [restart app, mail]
    - copy: { content: b, dest: /etc/b }
      register: b
    - service: { name: web, state: reloaded }
      when: b is changed
    - systemd: daemon_reload=yes
      when: b.changed
`,
    })
    expect(left(imported)).toEqual([])
    const all = await desired(imported)
    expect(all.map(idOf)).toEqual([
      'file:/etc/a',
      'file:/etc/b',
      'service:app',
      'service:web',
      'command:rebuild',
    ])
    expect(all[0]!.notify).toEqual([
      { target: 'service:app', action: 'restart' },
      { target: 'command:rebuild', action: 'run' },
    ])
    expect(all[1]!.notify).toEqual([{ target: 'service:web', action: 'reload' }])
  })

  test('a command that looks is the guard of the one that acts', async () => {
    const imported = await tasks(`
- command: test -e /x
  register: there
  changed_when: false
  failed_when: false
- name: make
  shell: touch /x
  when: there.rc != 0
- stat: path=/y
  register: y
- name: make y
  command: touch /y
  when: not y.stat.exists
- shell: fix --list
  register: listed
  changed_when: false
- name: fix
  command: fix one
  when: "'one' not in listed.stdout"
`)
    expect(left(imported)).toEqual([])
    const all = await desired(imported)
    expect(all.map(({ desired: each }) => each)).toEqual([
      { run: 'touch /x', unless: 'test -e /x' },
      { run: 'touch /y', creates: '/y' },
      { run: 'fix one', unless: 'fix --list | grep -qF -- one' },
    ])
  })

  test('variables have the precedence that Ansible gives them', async () => {
    const line = (name: string): string => `${name}={{ ${name} }}\\n`
    const imported = await run({
      hosts:
        '[web]\nweb1 ansible_user=root own=host\nweb2 ansible_user=root\n[web:vars]\nfile=inventory\nall=inventory\n',
      'group_vars/all.yml': 'all: all\nfile: all\nurl: "http://{{ all }}/{{ own }}"\nmode: 0644\n',
      'group_vars/web.yml': 'all: web\nown: web\ndefault: web\n',
      'host_vars/web1.yml': 'own: host_vars\n',
      'roles/r/defaults/main.yml': 'default: role\nonly: role\nplay: role\nparam: role\n',
      'roles/r/vars/main.yml': 'strong: role\n',
      'roles/r/tasks/main.yml': `- copy:\n    content: "${['all', 'file', 'own', 'url', 'default', 'only', 'play', 'param', 'strong', 'task'].map(line).join('')}"\n    dest: /etc/v\n    mode: "{{ mode }}"\n  vars: { task: '{{ only }}!' }\n`,
      'site.yml':
        '- hosts: web\n  vars: { play: play, strong: play }\n  roles: [{ role: r, param: given }]\n',
    })
    expect(left(imported)).toEqual([])
    const expected = (own: string): string =>
      `all=web\nfile=all\nown=${own}\nurl=http://web/${own}\ndefault=web\nonly=role\nplay=play\nparam=given\nstrong=role\ntask=role!\n`
    const one = await desired(imported)
    expect(contentOf(one, 'file:/etc/v')).toBe(expected('host_vars'))
    expect((one[0]!.desired as { mode: string }).mode).toBe('0644')
    expect(contentOf(await desired(imported, 'web2'), 'file:/etc/v')).toBe(expected('web'))
  })

  test('conditions, loops, blocks and included tasks', async () => {
    const imported = await tasks(
      `
- when: ansible_distribution == 'Debian' and ansible_distribution_release in ['bookworm', 'trixie']
  become: yes
  become_user: ada
  block:
    - include_tasks: more.yml
- copy: { content: "{{ item.value.port | default(1) }} {{ ansible_hostname }}", dest: "/etc/{{ item.key }}" }
  with_dict: "{{ sites }}"
  when: item.value.up
- user: { name: "{{ item.name }}", state: "{{ item.state | default('present') }}" }
  loop: "{{ people }}"
- apt: name=never
  when: ansible_os_family == 'RedHat'
- apt: name=also-never
  when: 1 > 2 or false
`,
      {
        'more.yml':
          '- copy: { content: "{{ i }}{{ n }}", dest: "/etc/n{{ n }}" }\n  loop: [5, 6]\n  loop_control: { loop_var: n, index_var: i }\n',
        'group_vars/all.yml':
          'sites: { a: { up: yes, port: 80 }, b: { up: no }, c: { up: yes } }\npeople: [{ name: ada }, { name: bob, state: absent }]\n',
      },
    )
    expect(left(imported)).toEqual([])
    expect(notes(imported)).toContain('its condition is never true here, so it was left out')
    const all = await desired(imported)
    expect(all.slice(-2).map((each) => [idOf(each), each.absent])).toEqual([
      ['user:ada', false],
      ['user:bob', true],
    ])
    expect(
      all.slice(0, -2).map((each) => [idOf(each), contentOf([each], idOf(each)), each.user]),
    ).toEqual([
      ['file:/etc/n5', '05', 'ada'],
      ['file:/etc/n6', '16', 'ada'],
      ['file:/etc/a', '80 web1', undefined],
      ['file:/etc/c', '1 web1', undefined],
    ])
  })
})

describe('what is encrypted', () => {
  test('is never in what was written', async () => {
    const vault = '$ANSIBLE_VAULT;1.1;AES256\n6162636465\n'
    const imported = await tasks(
      `
- copy: { content: "password={{ password }}\\n", dest: /etc/p }
- copy: { src: key.pem, dest: /etc/key.pem }
- copy: { content: "{{ from_vault }}", dest: /etc/q }
`,
      {
        'group_vars/all/plain.yml': `password: !vault |\n  ${vault.trim().replaceAll('\n', '\n  ')}\n`,
        'group_vars/all/vault.yml': vault,
        'files/key.pem': vault,
      },
    )
    expect(left(imported)).toEqual([
      '1 variables: the whole file is encrypted with ansible-vault',
      '1 password: it is encrypted with ansible-vault and was not read',
      '4 copy: the file is encrypted with ansible-vault and was not copied',
      '5 copy: from_vault is not defined in what was read',
    ])
    expect(JSON.stringify([...imported.files])).not.toContain('6162636465')
    expect([...imported.files.values()].every((each) => typeof each === 'string')).toBe(true)
    expect(imported.files.get('vars.ts')).toContain(
      "export const password = Secret.env('PASSWORD')",
    )
    vi.stubEnv('PASSWORD', 'hunter2')
    const [file] = await desired(imported)
    expect(JSON.stringify(file)).not.toContain('hunter2')
    vi.unstubAllEnvs()
  })
})

test('a playbook that is no YAML is refused with its line', async () => {
  const broken = run({ 'site.yml': '- hosts: all\n  tasks:\n    - apt: { name: x\n' })
  await expect(broken).rejects.toThrow(/flow|Flow/)
  await expect(broken).rejects.toMatchObject({ place: { line: expect.any(Number) as number } })
})
