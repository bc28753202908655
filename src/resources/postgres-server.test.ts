import { describe, expect, test } from 'vitest'
import { type PostgresAccessRule, accessFile } from './postgres-access-rules.ts'
import { postgresServer } from './postgres-server.ts'
import { type Setting, isSetTo, shownValue } from './postgres-settings.ts'

const setting = (value: string, unit: string | null, type = 'integer'): Setting => ({
  value,
  unit,
  type,
  context: 'user',
  file: null,
  pending: false,
})

describe('values', () => {
  test.each<[Setting, string, boolean]>([
    [setting('16384', '8kB'), '128MB', true],
    [setting('16384', '8kB'), '16384', true],
    [setting('16384', '8kB'), '0.125GB', true],
    [setting('16384', '8kB'), '129MB', false],
    [setting('16384', '8kB'), '128s', false],
    [setting('4096', 'kB'), '4MB', true],
    [setting('60000', 'ms'), '1min', true],
    [setting('300', 's'), '5min', true],
    [setting('-1', 'kB'), '-1', true],
    [setting('1.1', null, 'real'), '1.1', true],
    [setting('1.1', null, 'real'), '1.10', true],
    [setting('on', null, 'bool'), 'TRUE', true],
    [setting('off', null, 'bool'), 'on', false],
    [setting('off', null, 'bool'), 'maybe', false],
    [setting('replica', null, 'enum'), 'Replica', true],
    [setting('a, b', null, 'string'), 'a,b', false],
  ])('%j %s', (now, wanted, same) => expect(isSetTo(now, wanted)).toBe(same))

  test.each<[Setting, string]>([
    [setting('16384', '8kB'), '128MB'],
    [setting('1', '8kB'), '8kB'],
    [setting('-1', 'kB'), '-1'],
    [setting('90000', 'ms'), '90s'],
    [setting('x', null, 'string'), 'x'],
  ])('%j is shown as %s', (now, shown) => expect(shownValue(now)).toBe(shown))
})

describe('access rules', () => {
  test.each<[PostgresAccessRule, string]>([
    [{ from: '10.0.0.0/8' }, 'host all all 10.0.0.0/8 scram-sha-256\n'],
    [{ from: '203.0.113.7' }, 'hostssl all all 203.0.113.7/32 scram-sha-256\n'],
    [{ from: '2001:db8::/32' }, 'hostssl all all 2001:db8::/32 scram-sha-256\n'],
    [{ from: '10.1.1.1', tls: true }, 'hostssl all all 10.1.1.1/32 scram-sha-256\n'],
    [
      { from: ['10.0.0.1', '10.0.0.2'], databases: ['all', 'b'], users: ['c-d'] },
      'host "all","b" "c-d" 10.0.0.1/32 scram-sha-256\nhost "all","b" "c-d" 10.0.0.2/32 scram-sha-256\n',
    ],
    [
      { from: '10.0.0.1', databases: ['replication'] },
      'host replication all 10.0.0.1/32 scram-sha-256\n',
    ],
  ])('%j', (rule, row) => expect(accessFile([rule]).endsWith(row)).toBe(true))

  test.each<PostgresAccessRule>([
    { from: 'all' },
    { from: [] },
    { from: '10.0.0.0/8 trust' },
    { from: '10.0.0.1', users: ['+admins'] },
    { from: '10.0.0.1', users: ['/^a'] },
    { from: '10.0.0.1', users: ['a"b'] },
    { from: '10.0.0.1', databases: [] },
  ])('%j is refused', (rule) =>
    expect(() => postgresServer('15/main', { access: [rule] })).toThrow(/access cannot/),
  )
})

test.each(['main', '15', '15/../x', '15/ma in'])('%j is refused', (name) =>
  expect(() => postgresServer(name)).toThrow(/its name/),
)

test.each([{ 'a b': 1 }, { work_mem: 'a\nb' }])('%j are refused', (settings) =>
  expect(() => postgresServer('15/main', { settings: settings as never })).toThrow(/settings/),
)
