import { describe, expect, test } from 'vitest'
import { asText, isSecretKey, secretIn } from './secrets.ts'

describe('what looks like a secret', () => {
  test.each([
    ['a=1\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA', 'line 2 holds a private key'],
    ['root:$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7O:1', 'line 1 holds a hash of a password'],
    ['user:$y$j9T$abcdefghijkl$mnopqrstuvwxyz', 'line 1 holds a hash of a password'],
    ['id AKIAIOSFODNN7EXAMPLE', 'line 1 holds an access key'],
    ['token ghp_abcdefghijklmnop', 'line 1 holds a token'],
    ['url postgres://shop:hunter2@db/shop', 'line 1 holds a password in an address'],
    ['password = hunter2', 'line 1 holds what looks like a password, key or token'],
    ['DB_PASSWORD="hunter2"', 'line 1 holds what looks like a password, key or token'],
    ['  "api_key": "0123456789"', 'line 1 holds what looks like a password, key or token'],
    ['secret_key_base: 0123456789', 'line 1 holds what looks like a password, key or token'],
    ['passwd=hunter2', 'line 1 holds what looks like a password, key or token'],
    ['ann:$apr1$saltsalt$abcdefghijklmnop', 'line 1 holds a hash of a password'],
    ['ann:{SSHA}abcdefghijklmnop', 'line 1 holds a hash of a password'],
    ['Authorization: Bearer abcdefghijklmnop', 'line 1 holds a token'],
    ['* * * * * mysqldump --password hunter2', 'line 1 holds a password or token'],
    ['curl -u ann:hunter2 https://x', 'line 1 holds a password'],
    ['MYSQL_PWD=hunter2', 'line 1 holds what looks like a password, key or token'],
    ['# password = hunter2', 'line 1 holds what looks like a password, key or token'],
    ['# old: postgres://a:hunter2@db', 'line 1 holds a password in an address'],
  ])('%j', (text, found) => {
    expect(secretIn(text)).toBe(found)
  })

  test.each([
    'passwd:         files systemd',
    'PasswordAuthentication no',
    'password requisite pam_pwquality.so retry=3',
    '# password = secret',
    '; password = changeme',
    'password = $DB_PASSWORD',
    'password={{ vault }}',
    '-----BEGIN PUBLIC KEY-----',
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ann',
    'proxy_pass http://127.0.0.1:8080/a@b;',
    'ssl_certificate_key /etc/ssl/private/shop.pem;',
    'uri = https://example.org/',
  ])('is not %j', (text) => {
    expect(secretIn(text)).toBeUndefined()
  })
})

test('a text is UTF-8 without NUL bytes, and stays what it is', () => {
  expect(asText(Buffer.from('\uFEFFcafé\n'))).toBe('\uFEFFcafé\n')
  expect(asText(Buffer.from([0xff, 0xfe]))).toBeUndefined()
  expect(asText(Buffer.from('a\0b'))).toBeUndefined()
})

test.each([
  [[0x95, 0x01], true],
  [[0xc5, 0x01], true],
  [[0x99, 0x01], false],
  [[0xc6, 0x01], false],
  [[], false],
])('a key that begins with %j is secret: %s', (bytes, secret) => {
  expect(isSecretKey(Buffer.from(bytes))).toBe(secret)
})
