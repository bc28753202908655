import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { converges, failure, planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable, labMissing } from '../../test/lab/fixture.ts'
import { made, offered, run } from '../../test/contracts/run.ts'
import { plan, settle } from '../../test/lab/settle.ts'
import { Secret, redact } from '../base/secret.ts'
import { absent } from '../model/resource.ts'
import { certificate, certificateKind } from './certificate.ts'
import { group } from './group.ts'

// Of nobody: an authority, and what it issued to shop.example until 2120, 2121, 2021 and from 2119.
const authority = `-----BEGIN CERTIFICATE-----
MIIBUzCB+6ADAgECAgEQMAoGCCqGSM49BAMCMBkxFzAVBgNVBAMMDlRlc3QgYXV0
aG9yaXR5MCAXDTIwMDEwMTAwMDAwMFoYDzIxMzAwMTAxMDAwMDAwWjAZMRcwFQYD
VQQDDA5UZXN0IGF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABMkH
5x+ElpGPqbYnGr0J97P+oEjF6uxYMkMAZMcQmZlYjMsm8z7F40GghxxqcJDOt0cE
Qqj0Fq2BKAKTTSrlPhGjMjAwMA8GA1UdEwEB/wQFMAMBAf8wHQYDVR0OBBYEFNCr
kAX4YPMpZNTlaW5PgIi9G3txMAoGCCqGSM49BAMCA0cAMEQCIAIXtphXK1btl8uU
nHxJNsUGBm0F5L3cK2IW6fLjEZ8cAiA2A5GhZ0cgj/+IhEzOYmyZrwkRoCxTXjqu
HnDm312/pg==
-----END CERTIFICATE-----
`
const leaf = `-----BEGIN CERTIFICATE-----
MIIBjjCCATSgAwIBAgIBETAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0IGF1
dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFzEVMBMG
A1UEAwwMc2hvcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUIhU
ojB3AWD7/0ijWsFY398tmb2Rccp3Q11vb7Kcm1CBzES9d+LBRL79nMk5QPAHHkwl
3R2Cb51c8Ci6r6D0bKNtMGswKQYDVR0RBCIwIIIMc2hvcC5leGFtcGxlghB3d3cu
c2hvcC5leGFtcGxlMB0GA1UdDgQWBBRppnsBRxBz4gBQmmVa8eut0tWdlzAfBgNV
HSMEGDAWgBTQq5AF+GDzKWTU5WluT4CIvRt7cTAKBggqhkjOPQQDAgNIADBFAiEA
5kXG0KY8np9QouzvsuacslbSNetB+xtlt3jp6J7QlMkCIFECL3RipiTVH57gU9T/
Ukb1WZEGJz4Okwt4u7oBM6uF
-----END CERTIFICATE-----
`
const renewed = `-----BEGIN CERTIFICATE-----
MIIBjzCCATSgAwIBAgIBEjAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0IGF1
dGhvcml0eTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIxMDEwMTAwMDAwMFowFzEVMBMG
A1UEAwwMc2hvcC5leGFtcGxlMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEanJB
wPM6B6GtCLvMa4pvStsAJVkgnjomgZfiseyEktAMXEySH2JkREIuG10or0OXNT9o
zNnnYhKEE7+RGlpIcqNtMGswKQYDVR0RBCIwIIIMc2hvcC5leGFtcGxlghB3d3cu
c2hvcC5leGFtcGxlMB0GA1UdDgQWBBR6g/9PtMwn2elhI1BssTpuJDtxkTAfBgNV
HSMEGDAWgBTQq5AF+GDzKWTU5WluT4CIvRt7cTAKBggqhkjOPQQDAgNJADBGAiEA
45rm4ew0cdefrnzpxYVizHz0dhj4M+5cxlZgiST/864CIQC9sI2m7DBoWUXc7BBW
vci22zM2tLbEjYnr61E34erezw==
-----END CERTIFICATE-----
`
const expired = `-----BEGIN CERTIFICATE-----
MIIBjDCCATKgAwIBAgIBEzAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0IGF1
dGhvcml0eTAeFw0yMDAxMDEwMDAwMDBaFw0yMTAxMDEwMDAwMDBaMBcxFTATBgNV
BAMMDHNob3AuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFCIVKIw
dwFg+/9Io1rBWN/fLZm9kXHKd0Ndb2+ynJtQgcxEvXfiwUS+/ZzJOUDwBx5MJd0d
gm+dXPAouq+g9GyjbTBrMCkGA1UdEQQiMCCCDHNob3AuZXhhbXBsZYIQd3d3LnNo
b3AuZXhhbXBsZTAdBgNVHQ4EFgQUaaZ7AUcQc+IAUJplWvHrrdLVnZcwHwYDVR0j
BBgwFoAU0KuQBfhg8ylk1OVpbk+AiL0be3EwCgYIKoZIzj0EAwIDSAAwRQIhAJvV
uMMlVQU2ydchCN8ijVEQqWc0UxgNy5BrVI9J2igEAiAEEEZ0GusqW0sDHR3wmM9m
vBN5z2VbfHJdyCRjzvisyQ==
-----END CERTIFICATE-----
`
const early = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIBFDAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5UZXN0IGF1
dGhvcml0eTAiGA8yMTE5MDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAXMRUw
EwYDVQQDDAxzaG9wLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARQ
iFSiMHcBYPv/SKNawVjf3y2ZvZFxyndDXW9vspybUIHMRL134sFEvv2cyTlA8Ace
TCXdHYJvnVzwKLqvoPRso20wazApBgNVHREEIjAgggxzaG9wLmV4YW1wbGWCEHd3
dy5zaG9wLmV4YW1wbGUwHQYDVR0OBBYEFGmmewFHEHPiAFCaZVrx663S1Z2XMB8G
A1UdIwQYMBaAFNCrkAX4YPMpZNTlaW5PgIi9G3txMAoGCCqGSM49BAMCA0gAMEUC
IQD5+kHPBTITcNzl/aI/jqIA3oxXkol6I9BocbdzKBBEjAIgaiSw0HOParIoZZbo
iCBYoK6Tr42ygfS4e1h0+w+Q930=
-----END CERTIFICATE-----
`
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZoCIfaroV4FFDofl
5P5Tgu84v9PO6jz8qCFzVyOXfJqhRANCAARQiFSiMHcBYPv/SKNawVjf3y2ZvZFx
yndDXW9vspybUIHMRL134sFEvv2cyTlA8AceTCXdHYJvnVzwKLqvoPRs
-----END PRIVATE KEY-----
`
const renewedKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgIemCb0BXef+oynJh
hKhKhbtpimMn2Zu0/PZsV8MVN4qhRANCAARqckHA8zoHoa0Iu8xrim9K2wAlWSCe
OiaBl+Kx7ISS0AxcTJIfYmREQi4bXSivQ5c1P2jM2ediEoQTv5EaWkhy
-----END PRIVATE KEY-----
`
const lockedKey = `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiggjANmv6GcAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBhcsj6dNqvItgkiJz06c2EEgZBO
tr3QjeZPl4fttRLrREoeOhCm3x2vzdys64ga/fXSUNl/TRvdWDzP6QUb9yg69VPO
BjSx4imoE0AMH75OGIWsllOw+ZBHTmGKIYy5c/l5Cs9a6P/O2ZmK/oV07XjvCR8m
rWQzOYoTlNdIEym7Rx8n040QzKnxVAnPwfjnVl47vo1UpmvpaS6xz5PEdd7ECDg=
-----END ENCRYPTED PRIVATE KEY-----
`

const secret = new Secret('shop.key', key)
const shop = certificate('shop.example', { certificate: leaf, key: secret })
const folder = '/etc/ssl/fettle/shop.example'

describe('describing', () => {
  test('what stands in it is known', () => {
    expect(shop.desired).toMatchObject({
      certificate: leaf,
      chain: '',
      directory: folder,
      combined: `${folder}/combined.pem`,
      hosts: ['shop.example', 'www.shop.example'],
      begins: '2020-01-01T00:00:00.000Z',
      expires: '2120-01-01T00:00:00.000Z',
    })
  })

  test('a chain may follow or be given, with anything around it', () => {
    const whole = `Subject: x\r\n${leaf.replaceAll('\n', '\r\n')}\n${authority}`
    const one = certificate('a', { certificate: whole, key: `EC\n${key}` }).desired
    const two = certificate('a', { certificate: leaf, chain: authority, key }).desired
    expect({ ...(one as object), key: '' }).toEqual({ ...(two as object), key: '' })
    expect(two).toMatchObject({ chain: authority })
  })

  test('from files', async () => {
    const here = await mkdtemp(join(tmpdir(), 'certificate-'))
    const [first, second] = [join(here, 'shop.pem'), join(here, 'shop.key')]
    await Promise.all([writeFile(first, leaf), writeFile(second, key)])
    const made = certificate('c', { certificate: first, key: second })
    expect(made.desired).toMatchObject({ certificate: leaf })
    expect(JSON.stringify(made.desired)).not.toContain(key.split('\n')[1])
    await rm(here, { recursive: true })
  })

  test('the key is a secret however it was given', () => {
    const { desired } = certificate('b', { certificate: leaf, key })
    expect(JSON.stringify(desired)).not.toContain(key.split('\n')[1])
    expect(redact(key)).not.toContain(key.split('\n')[1])
  })

  test.each([
    ['another key', { certificate: leaf, key: renewedKey }, 'key is not that of the certificate'],
    ['a locked key', { certificate: leaf, key: lockedKey }, 'key is locked with a passphrase'],
    ['no key', { certificate: leaf, key: leaf }, 'key cannot be used: it holds no private key'],
    ['a broken key', { certificate: leaf, key: key.replace(/MI/, 'xx') }, 'key cannot be used'],
    ['a missing key', { certificate: leaf } as never, 'key is missing'],
    ['no certificate', { certificate: key, key }, 'certificate holds no certificate'],
    [
      'a broken certificate',
      { certificate: leaf.replace(/MI/, 'xx'), key },
      'certificate cannot be read',
    ],
    ['a foreign chain', { certificate: leaf, chain: renewed, key }, 'chain does not lead on'],
    [
      'a chain the wrong way round',
      { certificate: authority + leaf, key },
      'chain does not lead on: CN=Test authority was not issued by CN=shop.example',
    ],
    ['a file that is not there', { certificate: 'nowhere.pem', key }, 'nowhere.pem'],
    ['a folder', { certificate: leaf, key, directory: 'x' }, 'directory'],
  ])('%s is refused', (_, options, words) => {
    expect(() => certificate('shop.example', options)).toThrow(words)
  })

  test('expired, or not valid yet, and only where it is wanted', () => {
    const old = certificate('x', { certificate: expired, key })
    const claims = (resource: object): unknown => certificateKind.claims!(resource as never)
    expect(() => claims(old)).toThrow('certificate:x: certificate has expired on 2021-01-01')
    expect(claims(absent(old))).toHaveLength(5)
    const later = certificate('x', { certificate: early, key })
    expect(() => claims(later)).toThrow('is not valid before 2119-01-01')
    expect(claims(shop)).toHaveLength(5)
  })
})

describe.skipIf(!labAvailable)(`on a host ${labMissing}`, () => {
  const hosts = bootForFile()
  const show = `cd ${folder}; stat -c '%n %a %U %G' *; sha256sum *`

  test('all files, readable for whom they are; drift is put right; a renewal shows its date', async () => {
    const [host] = hosts()
    await host!.exec('groupadd tls')
    const first = certificate('shop.example', {
      certificate: leaf,
      chain: authority,
      key: secret,
      group: 'tls',
    })
    expect(await converges(host!, [first])).toEqual([
      'create certificate:shop.example: for shop.example, www.shop.example, expires 2120-01-01',
    ])
    const { output } = await host!.exec(
      `cd ${folder}; stat -c '%n %a %U %G' . * && cat combined.pem`,
    )
    expect(output).toBe(
      '. 755 root root\ncert.pem 644 root root\nchain.pem 644 root root\ncombined.pem 640 root tls\n' +
        `fullchain.pem 644 root root\nprivkey.pem 640 root tls\n${leaf}${authority}${key}`,
    )
    const checks = `cd ${folder}; openssl verify -CAfile chain.pem cert.pem
      for file in cert fullchain combined; do openssl x509 -in $file.pem -noout -pubkey; done | sha256sum
      for i in 1 2 3; do openssl pkey -in privkey.pem -pubout; done | sha256sum`
    const [verdict, ours, theirs] = (await host!.exec(checks)).output.trim().split('\n')
    expect([verdict, ours]).toEqual(['cert.pem: OK', theirs])
    const before = (await host!.exec(show)).output
    await host!.exec(`cd ${folder}; chmod 644 privkey.pem; rm fullchain.pem; echo >> combined.pem`)
    expect(await converges(host!, [first])).toEqual([
      'change certificate:shop.example: privkey.pem: mode 0644 -> 0640, combined.pem: content, fullchain.pem: missing',
    ])
    expect((await host!.exec(show)).output).toBe(before)

    const second = certificate('shop.example', { certificate: renewed, key: renewedKey })
    const [change] = await plan(host!, [second])
    expect(JSON.stringify(change!.difference)).not.toContain(renewedKey.split('\n')[1])
    expect(change!.difference).not.toHaveProperty('text')
    expect(await converges(host!, [second])).toEqual([
      'change certificate:shop.example: expires 2120-01-01 -> 2121-01-01, ' +
        'privkey.pem: content, group tls -> root, mode 0640 -> 0600, ' +
        'combined.pem: content, group tls -> root, mode 0640 -> 0600, ' +
        'fullchain.pem: content, chain.pem: remove, cert.pem: content',
    ])
    expect((await converges(host!, [absent(second)])).join()).toContain('remove certificate')
    expect((await host!.exec('ls /etc/ssl/fettle')).output).toBe('')
  })

  test('paths of choice, and a group that comes first', async () => {
    const [host] = hosts()
    const made = certificate('shop.example', {
      certificate: leaf,
      key: secret,
      directory: "/srv/it's tls",
      combined: '/srv/haproxy/shop.pem',
      group: 'haproxy',
    })
    expect(await failure(host!, [made])).toContain('there is no group haproxy on this host')
    expect((await host!.exec('ls /srv')).output).toBe('')
    expect(await converges(host!, [group('haproxy'), made])).toHaveLength(2)
    expect((await host!.exec('cat /srv/haproxy/shop.pem')).output).toBe(leaf + key)
    expect((await host!.exec('ls /srv/it*; ls /etc/ssl | grep fettle')).output).toBe(
      'cert.pem\nfullchain.pem\nprivkey.pem\nfettle\n',
    )
    const { made: removed } = await settle(host!, [absent(made)])
    expect(removed).toEqual(['certificate:shop.example'])
    expect(await planned(host!, [absent(made)])).toEqual([])
    expect((await host!.exec('find /srv -type f')).output).toBe('')
  })

  test('what left the description goes, and its key is not remembered', async () => {
    const [host] = hosts()
    const options = { certificate: leaf, chain: authority, key: secret, group: 'haproxy' }
    const elsewhere = { directory: '/srv/tls', combined: '/srv/haproxy/other.pem' }
    const all = [
      group('haproxy'),
      certificate('shop.example', options),
      certificate('other.example', { ...options, ...elsewhere }),
    ]
    await run([host!.target], () => all)
    const left = await run([host!.target], () => [all[0]!])
    const words = 'fullchain.pem, chain.pem, cert.pem'
    expect(offered(left)).toEqual([
      `certificate:other.example privkey.pem, /srv/haproxy/other.pem, ${words}`,
      `certificate:shop.example privkey.pem, combined.pem, ${words}`,
    ])
    const { output } = await host!.exec('cat /var/lib/fettle/managed')
    expect(output).toContain('/srv/haproxy/other.pem')
    expect(output).not.toMatch(/BEGIN|secret/)
    const removed = await run([host!.target], () => [all[0]!], { orphans: 'remove' })
    expect(made(removed)).toEqual([
      'remove certificate:other.example',
      'remove certificate:shop.example',
    ])
    expect((await host!.exec('find /srv /etc/ssl/fettle -type f')).output).toBe('')
  })
})
