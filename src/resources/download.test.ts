import { beforeAll, describe, expect } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, test } from '../../test/lab/fixture.ts'
import { serve, web } from '../../test/lab/web.ts'
import { Secret } from '../base/secret.ts'
import { sh } from '../base/shell.ts'
import { nothingPlanned } from '../model/kind.ts'
import { type Resource, absent } from '../model/resource.ts'
import { type DownloadOptions, download, downloadKind } from './download.ts'
import { packages } from './package.ts'

const one = '1'.repeat(64)
const two = '2'.repeat(64)
const url = 'https://example.org/tool'

describe('what differs', () => {
  const full = { owner: 'a', group: 'b', mode: '755' }
  test.each<[string, Partial<DownloadOptions>, string | undefined]>([
    ['', {}, `create: 11111111 from ${url}`],
    ['', full, `create: 11111111 from ${url}, mode 0755, owner a, group b`],
    [`f 644 root root ${one}`, {}, undefined],
    [`f 644 root root ${one}`, { sha256: one.toUpperCase() }, undefined],
    [`f 755 a b ${one}`, full, undefined],
    [
      `f 644 root root ${one}`,
      { ...full, owner: 'root' },
      'change: group root -> b, mode 0644 -> 0755',
    ],
    [`f 644 root root ${two}`, {}, `change: content 22222222 -> 11111111 from ${url}`],
    ['f 600 eve root', {}, `change: content 11111111 from ${url}`],
    ['l 777 root root', {}, `change: link -> file, content 11111111 from ${url}`],
    ['d 755 root root', {}, `change: directory -> file, content 11111111 from ${url}`],
  ])('%j with %j', (there, more, expected) => {
    expect(difference(there, download('/x', { url, sha256: one, ...more }))).toBe(expected)
  })
  test('what is wanted gone', () => {
    const gone = absent(download('/x', { url, sha256: one }))
    expect(difference('', gone)).toBe(undefined)
    expect(difference(`f 644 root root ${two}`, gone)).toBe('remove: file, 7 bytes')
  })

  function difference(there: string, resource: Resource): string | undefined {
    const [type, mode, owner, group, hash] = there.split(' ')
    const stat = type ? `/x\0${type}\0${mode}\0${owner}\0${group}\x007\0\0` : ''
    const answer = `${stat}end\0${hash ? `${hash}  /x\0` : ''}`
    const [state] = downloadKind.parse(Buffer.from(answer), [resource as never])
    const found = downloadKind.diff(resource as never, state!, nothingPlanned)
    return found && `${found.verb}: ${found.summary}`
  }

  test.each([
    [{ url: 'ftp://example.org/x' }, 'url'],
    [{ url: '/tmp/x' }, 'url'],
    [{ url: 'https://example.org/a b' }, 'url'],
    [{ url: 'https://example.org/"\noutput = "/etc/passwd' }, 'url'],
    [{ url: new Secret('u', 'https://example.org/\n') }, 'url'],
    [{ sha256: 'abc' }, 'sha256'],
    [{ sha256: undefined }, 'sha256'],
    [{ mode: '8' }, 'mode'],
  ])('refuses %j', (more, field) => {
    expect(() => download('/x', { url, sha256: one, ...more } as never)).toThrow(
      `download:/x: ${field}`,
    )
  })
})

describe.skipIf(!labAvailable)('downloads on a host', () => {
  const hosts = bootForFile()
  const run = async (script: string): Promise<string> => (await hosts()[0]!.exec(script)).output
  const publish = (name: string, content: string): Promise<string> =>
    hosts()[0]!
      .exec(sh`cat >/srv/www/${name}; sha256sum </srv/www/${name} | cut -c 1-64`.text, content)
      .then(({ output }) => output.trim())
  beforeAll(async () => {
    if (labAvailable) await serve(hosts()[0]!)
  })

  test.each(['apt-helper', 'wget', 'curl'])('come with %s', async (tool) => {
    const [web1] = hosts()
    if (tool !== 'apt-helper') await converges(web1!, packages([tool], { recommends: false }))
    const sha256 = await publish("it's$(id)%20é", `by ${tool}\n\0`)
    const path = `/srv/it's "$HOME" \\n\n-é*`
    const wanted = [
      download(path, {
        url: `${web}/it's$(id)%2520%c3%a9`,
        sha256,
        owner: 'daemon',
        group: 'games',
        mode: '4750',
      }),
      download('/srv/-rf', { url: `${web}/it's$(id)%2520%c3%a9`, sha256 }),
    ]
    expect(await converges(web1!, wanted)).toHaveLength(2)
    expect(await run('cd /srv; cat it*; stat -c "%U %G %a" it* -- -rf; ls -A | grep fettle')).toBe(
      `by ${tool}\n\0daemon games 4750\nroot root 644\n`,
    )
    const missing = download('/srv/none', { url: `${web}/none`, sha256: one })
    expect(await failure(web1!, [missing])).toMatch(/could not be downloaded: .*404/)
    const dead = download('/srv/none', { url: 'http://127.0.0.1:1/x', sha256: one })
    if (tool !== 'curl') expect(await failure(web1!, [dead])).toContain('could not be downloaded')
    await converges(web1!, absent(wanted))
    expect(await run('ls -A /srv')).toBe('server.pl\nwww\n')
  })

  test('are put right again, each thing by itself, and only then downloaded', async () => {
    const [web1] = hosts()
    const sha256 = await publish('tool', 'good\n')
    const tool = download('/srv/tool', {
      url: `${web}/tool`,
      sha256,
      owner: 'daemon',
      mode: '0755',
    })
    await converges(web1!, [tool])
    const from = `${sha256.slice(0, 8)} from ${web}/tool`
    const bad = (await run('echo bad | sha256sum')).slice(0, 8)
    const drifts = [
      ['chmod 644 tool', 'mode 0644 -> 0755'],
      ['chown root tool', 'owner root -> daemon'],
      ['echo bad >tool', `content ${bad} -> ${from}`],
      [
        'rm tool; ln -s /etc/passwd tool',
        `link -> file, content ${from}, owner root -> daemon, mode 0777 -> 0755`,
      ],
    ]
    for (const [drift, summary] of drifts) {
      await run(`cd /srv; ${drift}`)
      expect(await converges(web1!, [tool])).toEqual([`change download:/srv/tool: ${summary}`])
      expect(await run('cd /srv; cat tool; stat -c "%U %a %F" tool')).toBe(
        'good\ndaemon 755 regular file\n',
      )
    }
    await run('rm /srv/www/tool; chmod 700 /srv/tool')
    await converges(web1!, [tool])
    await converges(web1!, [absent(tool)])
  })

  test('that are not what is described never take their place', async () => {
    const [web1] = hosts()
    const sha256 = await publish('kept', 'good\n')
    const kept = (hash: string): Resource =>
      download('/srv/kept', { url: `${web}/kept`, sha256: hash })
    await converges(web1!, [kept(sha256)])
    const words = `what came is not what is described: its sha256 is ${sha256}`
    expect(await failure(web1!, [kept(one)])).toContain(words)
    expect(await run('cat /srv/kept; ls -A /srv | grep fettle')).toBe('good\n')
    await run('mkdir /srv/folder')
    const folder = download('/srv/folder', { url: `${web}/kept`, sha256 })
    expect(await failure(web1!, [folder])).toContain('there is a directory in its place')
    const nowhere = download('/srv/no/such', { url: `${web}/kept`, sha256 })
    expect(await failure(web1!, [nowhere])).toContain('/srv/no/')
  })

  test('show no secret', async () => {
    const [web1] = hosts()
    await run('mkdir -p /srv/www/t0ken-7731')
    const sha256 = await publish('t0ken-7731/x', 'x\n')
    const token = new Secret('token', 't0ken-7731')
    const wanted = download('/srv/secret', { url: `${web}/${token}/x`, sha256 })
    expect((await planned(web1!, [wanted]))[0]).not.toContain('7731')
    await run(`cat >/usr/local/bin/curl <<'END'
#!/bin/sh
tr '\\0' ' ' </proc/$PPID/cmdline >/srv/seen; echo "$*" >>/srv/seen
exec /usr/bin/curl "$@"
END
chmod +x /usr/local/bin/curl`)
    await converges(web1!, [wanted])
    expect(await run('cat /srv/seen')).toMatch(/-fsSLg/)
    expect(await run('cat /srv/seen')).not.toContain('7731')
    await run('rm /usr/local/bin/curl; mv /usr/bin/curl /usr/bin/wget /root')
    await converges(web1!, [absent(wanted)])
    expect(await failure(web1!, [wanted])).toContain('install curl or wget')
    await run('mv /root/curl /root/wget /usr/bin')
  })
})
