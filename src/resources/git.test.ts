import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import type { Context } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type GitOptions, git, gitKind } from './git.ts'
import { packages } from './package.ts'
import { user } from './user.ts'

const nothing: Context = { earlier: new Map(), opaque: [] }
const afterPackage: Context = { earlier: new Map(), opaque: ['package:git'] }
const one = '1'.repeat(40)
const two = '2'.repeat(40)
const url = 'https://example.org/shop.git'

const encoded = (word: string, text: string): string =>
  `0 ${word} ${Buffer.from(text).toString('base64')}\n`

interface Seen {
  place?: string
  head?: string
  stopped?: string
  url?: string
  changed?: string
  reached?: string
  failed?: string
}

/** What the host answers; a checkout of commit one, where the branch `main` is commit two. */
function answer(seen: Seen): string {
  const main = `${two}\trefs/heads/main\n`
  const { place = 'checkout', head = one, stopped = '', reached = main } = seen
  return [
    place === 'checkout' ? encoded('url', `${seen.url ?? url}\n`) : '',
    place === 'checkout' ? encoded('changed', seen.changed ?? '') : '',
    `0 ${place} ${place === 'foreign' ? 'eve' : '-'} ${head || '-'} ${stopped}\n`,
    seen.failed === undefined ? encoded('reached', reached) : encoded('failed', seen.failed),
  ].join('')
}

function difference(output: string, resource: Resource, context = nothing): string | undefined {
  const [state] = gitKind.parse(Buffer.from(output, 'latin1'), [resource as never])
  const found = gitKind.diff(resource as never, state!, context)
  return found && `${found.verb}: ${found.summary}`
}

describe('what differs', () => {
  const at = (ref: string, more: Partial<GitOptions> = {}): Resource =>
    git('/srv/shop', { url, ref, ...more })
  const changed = ' M a b\0D  c\0'
  test.each([
    [{ place: 'absent' }, at('main'), `create: 2222222 of ${url}`],
    [{ place: 'empty' }, at('main'), `create: 2222222 of ${url}`],
    [{ place: 'absent', failed: '' }, at(one), `create: 1111111 of ${url}`],
    [{}, at('main'), 'change: 1111111 -> 2222222'],
    [{ failed: 'x' }, at(one), undefined],
    [{ head: two }, at('main'), undefined],
    [{ head: '' }, at('main'), 'change: no commit -> 2222222'],
    [{ head: two, url: '/old' }, at('main'), `change: url /old -> ${url}`],
    [{ head: two, changed }, at('main'), 'change: in the way: changes by hand in a b, c'],
    [{ head: two, changed }, at('main', { force: true }), 'change: discards changes in a b, c'],
    [
      { head: two, stopped: 'interrupted', changed },
      at('main'),
      'change: finishes an interrupted checkout',
    ],
    [
      { place: 'other' },
      at('main'),
      `change: 2222222 of ${url}, but there is something else in its place`,
    ],
    [{ place: 'foreign' }, at('main'), 'change: it belongs to eve, who has to change it'],
    [{ place: 'none' }, at('main'), `create: 2222222 of ${url}, but git is not installed`],
    [{ reached: '' }, at('main'), `unknown: main of ${url}: there is no branch or tag main`],
    [
      { failed: 'Warning: new host key\nssh: Could not resolve hostname x\r\nfatal: no\n' },
      at('main'),
      `unknown: main of ${url}: ssh: Could not resolve hostname x`,
    ],
    [
      { failed: '' },
      at('main'),
      `unknown: main of ${url}: the repository did not answer within a minute`,
    ],
    [{}, absent(at('main')), 'remove: 1111111'],
    [{ changed }, absent(at('main')), 'remove: 1111111, in the way: changes by hand in a b, c'],
    [{ url: '/other' }, absent(at('main')), undefined],
    [{ place: 'other' }, absent(at('main')), undefined],
    [{ place: 'absent' }, absent(at('main')), undefined],
    [{ place: 'none' }, absent(at('main')), undefined],
  ] satisfies [Seen, Resource, string | undefined][])('%j: %#: %s', (seen, wanted, expected) => {
    expect(difference(answer(seen), wanted)).toBe(expected)
  })

  test('what a ref names: a branch before a tag, a tag by what it points to', () => {
    const three = '3'.repeat(40)
    const tag = `${one}\trefs/tags/v1\n${two}\trefs/tags/v1^{}\n`
    const of = (reached: string, ref = 'v1'): string | undefined =>
      difference(answer({ place: 'absent', reached }), at(ref))
    expect(of(tag)).toContain('2222222')
    expect(of(`${tag}${three}\trefs/heads/v1\n`)).toContain('3333333')
    expect(of(`${one}\trefs/tags/v1\n`)).toContain('1111111')
    expect(of(`${one}\trefs/heads/x/refs/heads/v1\n`)).toMatch(/^unknown/)
    expect(of(`${one}\tHEAD\n`, 'HEAD')).toContain('1111111')
    expect(of(`warning: x\n${two}\trefs/heads/v1\n`)).toContain('2222222')
  })

  test('git itself may come with a package', () => {
    const words = difference(answer({ place: 'none' }), at(one), afterPackage)
    expect(words).toBe(`unknown: 1111111 of ${url}, unless package:git brings it`)
    const [state] = gitKind.parse(Buffer.from('\xff\0garbage\n', 'latin1'), [at('main') as never])
    expect(state).toMatchObject({ place: 'other', target: undefined })
  })

  test.each([
    '',
    '-x',
    'a b',
    'a..b',
    'a~1',
    'a^',
    'a:b',
    'a?',
    'a*',
    'a[',
    'a\\b',
    '/a',
    'a/',
    'a.lock',
    'a\n',
  ])('no ref is %j', (ref) => expect(() => at(ref)).toThrow(/ref/))
  test.each(['', '-oProxyCommand=x', ' x', 'x\ny'])('no url is %j', (bad) =>
    expect(() => git('/srv/x', { url: bad, ref: 'main' })).toThrow(/url/),
  )
})

describe.skipIf(!labAvailable)('checkouts on a host', () => {
  const hosts = bootForFile()
  const shop = '/srv/shop.git'
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const at = (path: string, ref: string, more: Partial<GitOptions> = {}): Resource =>
    git(path, { url: shop, ref, ...more })

  beforeAll(async () => {
    if (!labAvailable) return
    const [web1] = hosts()
    const wanted = [...packages(['git'], { recommends: false }), at('/srv/none', 'main')]
    expect((await planned(web1!, wanted))[1]).toBe(
      'unknown git:/srv/none: main of /srv/shop.git, unless package:git brings it',
    )
    expect(await failure(web1!, [at('/srv/none', 'main')])).toContain('git is not installed')
    await converges(web1!, packages(['git'], { recommends: false }))
    await run(`set -e
git config --global user.email a@example.org; git config --global user.name a
git init -q -b main /srv/work; cd /srv/work
for i in 1 2 3; do echo $i >f; echo $i >'odd "name'; git add .; git commit -qm $i; git tag -m $i v$i; done
git branch feature/x HEAD~1
git clone -q --bare /srv/work ${shop}
git config --system safe.directory ${shop}`)
  })
  const commit = async (ref: string): Promise<string> =>
    (await run(`git -C ${shop} rev-parse '${ref}^{commit}'`)).trim()

  test('follow a branch, a tag, a commit', async () => {
    const [web1] = hosts()
    const path = `/srv/-a/it's $(id)`
    expect(await converges(web1!, [at(path, 'main')])).toEqual([
      `create git:${path}: ${(await commit('main')).slice(0, 7)} of ${shop}`,
    ])
    const change = async (ref: string): Promise<void> => {
      expect(await converges(web1!, [at(path, ref)])).toHaveLength(1)
      const head = await run(`git -C "/srv/-a/it's \\$(id)" rev-parse HEAD`)
      expect(head.trim()).toBe(await commit(ref))
    }
    await change('v1')
    await change('feature/x')
    await change(await commit('v3'))
    await run('cd /srv/work && echo 4 >f && git commit -qam 4 && git push -q /srv/shop.git main')
    await change('main')
    const parent = await commit('v2')
    await run(`mv ${shop} ${shop}.away`)
    const unreached = `unknown git:${path}: main of ${shop}: fatal: '${shop}' does not appear to be a git repository`
    expect(await planned(web1!, [at(path, 'main')])).toEqual([unreached])
    expect(await failure(web1!, [at(path, 'main')])).toContain('does not appear to be')
    expect(await converges(web1!, [at(path, parent)])).toHaveLength(1)
    await run(`mv ${shop}.away ${shop}`)
  })

  test('may be shallow, and change where they come from', async () => {
    const [web1] = hosts()
    await converges(web1!, [at('/srv/flat', 'v3', { depth: 1 })])
    expect(await run('git -C /srv/flat rev-list --count HEAD')).toBe('1\n')
    await converges(web1!, [at('/srv/flat', 'v1', { depth: 1 })])
    await run(`cp -r ${shop} /srv/moved.git`)
    expect(await converges(web1!, [at('/srv/flat', 'v1', { url: '/srv/moved.git' })])).toEqual([
      `change git:/srv/flat: url ${shop} -> /srv/moved.git`,
    ])
  })

  test('keep what was changed by hand, unless it is forced', async () => {
    const [web1] = hosts()
    await converges(web1!, [at('/srv/dirty', 'v1')])
    await run(`cd /srv/dirty; echo mine >f; echo mine >'odd "name'; echo new >untracked`)
    expect(await failure(web1!, [at('/srv/dirty', 'v2')])).toContain(
      'these files were changed by hand: f odd "name (nothing was done',
    )
    expect(await run('cd /srv/dirty; cat f; git describe --tags')).toBe('mine\nv1\n')
    expect(await failure(web1!, [absent(at('/srv/dirty', 'v1'))])).toContain('changed by hand')
    expect(await converges(web1!, [at('/srv/dirty', 'v1', { force: true })])).toEqual([
      'change git:/srv/dirty: discards changes in f, odd "name',
    ])
    await run('cd /srv/dirty; git rm -q f; echo x >added; git add added')
    await converges(web1!, [at('/srv/dirty', 'v2', { force: true })])
    expect(await run('cd /srv/dirty; cat f untracked')).toBe('2\nnew\n')
    await run(
      'cd /srv/work; echo u >untracked; git add .; git commit -qm u; git push -q /srv/shop.git main',
    )
    expect(await failure(web1!, [at('/srv/dirty', 'main')])).toContain(
      'untracked working tree files would be overwritten by checkout: untracked',
    )
    expect(await run('cat /srv/dirty/untracked; ls /srv/dirty/.git/fettle')).toContain('new\nls:')
  })

  test('one that was interrupted is finished', async () => {
    const [web1] = hosts()
    await converges(web1!, [at('/srv/cut', 'v1')])
    await run('cd /srv/cut; echo 2 >f; touch .git/fettle .git/index.lock')
    expect(await converges(web1!, [at('/srv/cut', 'v2')])).toEqual([
      expect.stringContaining('finishes an interrupted checkout'),
    ])
    await run('rm -rf /srv/cut/*; cd /srv/cut; rm -rf .git; git init -q .')
    expect(await converges(web1!, [at('/srv/cut', 'v2')])).toEqual([
      expect.stringMatching(/url \(none\) -> .*, no commit -> /),
    ])
  })

  test('of a user are made as that user, and run nothing of theirs as root', async () => {
    const [web1] = hosts()
    const mine = at('/home/ann/app', 'v1', { user: 'ann' })
    expect(await converges(web1!, [user('ann'), mine])).toEqual([
      'create user:ann: user',
      'unknown git:/home/ann/app: known once there is a user ann',
    ])
    expect(await run('stat -c %U /home/ann/app/f /home/ann/app/.git/config')).toBe('ann\nann\n')
    await run(`cd /home/ann/app; echo '* filter=evil' >.git/info/attributes
git config -f .git/config filter.evil.clean 'id -u >>/tmp/ran; cat'; git config -f .git/config filter.evil.smudge 'id -u >>/tmp/ran; cat'
git config -f .git/config core.fsmonitor 'id -u >>/tmp/ran'; touch f
printf '#!/bin/sh\\nid -u >>/tmp/ran\\n' >.git/hooks/post-checkout; chmod 755 .git/hooks/*
rm -f /tmp/ran; chown ann .git/hooks/*; ln -s /root/target .git/fettle.x`)
    await converges(web1!, [at('/home/ann/app', 'v2', { user: 'root' })])
    expect(new Set((await run('cat /tmp/ran')).trim().split('\n'))).toEqual(
      new Set([(await run('id -u ann')).trim()]),
    )
    expect(await run('stat -c %U /home/ann/app/f')).toBe('ann\n')
    // Debian 13 closes homes to others.
    await run('chmod 755 /home/ann')
    await converges(web1!, [user('bob')])
    const others = at('/home/ann/app', 'v1', { user: 'bob' })
    expect(await planned(web1!, [others])).toEqual([
      'change git:/home/ann/app: it belongs to ann, who has to change it',
    ])
    expect(await failure(web1!, [others])).toContain("it belongs to ann: say user: 'ann'")
  })

  test('never take the place of something else, nor remove it', async () => {
    const [web1] = hosts()
    expect(await failure(web1!, [at('/srv', 'v1')])).toContain('is not a checkout of git')
    expect(await failure(web1!, [at('/etc/passwd', 'v1')])).toContain('is not a checkout of git')
    await run('mkdir /srv/linked; ln -s /srv/work/.git /srv/linked/.git')
    expect(await failure(web1!, [at('/srv/linked', 'v1')])).toContain('is not a checkout of git')
    expect(await planned(web1!, [absent(at('/srv/linked', 'v1'))])).toEqual([])
    expect(await planned(web1!, [absent(at('/srv/work', 'v1'))])).toEqual([])
    await converges(web1!, [at('/srv/gone', 'v1')])
    expect(await converges(web1!, [absent(at('/srv/gone', 'v1'))])).toEqual([
      `remove git:/srv/gone: ${(await commit('v1')).slice(0, 7)}`,
    ])
    expect(await run('ls -d /srv/gone')).toContain('No such file')
  })

  test('are asked about side by side, and only with names that git has', async () => {
    const [web1] = hosts()
    const many = Array.from({ length: 20 }, (_, i) => at(`/srv/many/${i}`, i % 2 ? 'v1' : 'main'))
    expect(await converges(web1!, many)).toHaveLength(20)
    expect(await failure(web1!, [at('/srv/x', 'nosuch')])).toContain(
      'there is no branch or tag nosuch',
    )
    expect(await failure(web1!, [at('/srv/x', 'f'.repeat(40))])).toContain(
      `commit ${'f'.repeat(40)} could not be fetched`,
    )
    expect(await failure(web1!, [at('/srv/y', 'v1', { url: 'ssh://127.0.0.1/x' })])).toContain(
      'Host key verification failed',
    )
  })
})
