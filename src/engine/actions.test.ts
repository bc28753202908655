import { describe, expect, test } from 'vitest'
import type { Change } from '../model/kind.ts'
import { type Notification, type Resource, absent, idOf } from '../model/resource.ts'
import { file } from '../resources/file.ts'
import { kinds } from '../resources/kinds.ts'
import { reload, restart, service } from '../resources/service.ts'
import { actionsOf, dueActions, expectedNotes, isCertain } from './actions.ts'
import { type Noted, note, parseJournal, strike } from './journal.ts'

const [nginx, worker] = [service('nginx'), service('worker')]
const asks = (action: string, of: Resource, cause: string): Noted => ({
  target: idOf(of),
  action,
  cause,
})

const due = (noted: readonly Noted[], resources = [nginx, worker]): string[] =>
  actionsOf(dueActions(noted, resources, kinds))

describe('what is due', () => {
  test('is one action for many causes', () => {
    const noted = ['file:/a', 'file:/b', 'file:/c'].map((cause) => asks('reload', nginx, cause))
    expect(due(noted)).toEqual(['reload service:nginx'])
    expect(dueActions(noted, [nginx], kinds)[0]!.notes).toEqual(noted)
  })

  test('is the restart where a reload was asked for too, and settles both', () => {
    const noted = [asks('restart', nginx, 'file:/a'), asks('reload', nginx, 'file:/b')]
    expect(due(noted)).toEqual(['restart service:nginx'])
    expect(due(noted.toReversed())).toEqual(['restart service:nginx'])
    expect(dueActions(noted, [nginx], kinds)[0]!.notes).toEqual(noted)
  })

  test('comes in the order of the resources', () => {
    const noted = [asks('restart', worker, 'file:/a'), asks('reload', nginx, 'file:/b')]
    expect(due(noted)).toEqual(['reload service:nginx', 'restart service:worker'])
  })

  test('is nothing for what is not described, is to be gone, or has no such action', () => {
    const noted = [
      asks('restart', service('other'), 'file:/a'),
      asks('dance', nginx, 'file:/a'),
      asks('restart', worker, 'file:/a'),
    ]
    expect(due(noted, [nginx, absent(worker)])).toEqual([])
  })
})

describe('what a plan expects to be noted at the end', () => {
  const changed = (resource: Resource, settles: readonly string[] = []): Change => ({
    resource,
    state: undefined,
    difference: { verb: 'change', summary: '', settles },
  })
  const conf = file('/etc/nginx.conf', { notify: [reload(nginx), restart(worker)] })

  test('is what is owed and what changes ask for', () => {
    const owed = [asks('restart', nginx, 'file:/before')]
    expect(expectedNotes([changed(conf)], owed)).toEqual([
      ...owed,
      asks('reload', nginx, 'file:/etc/nginx.conf'),
      asks('restart', worker, 'file:/etc/nginx.conf'),
    ])
  })

  test('is not what a later change settles, as a start does a restart', () => {
    const start = changed(nginx, ['reload', 'restart'])
    expect(expectedNotes([changed(conf), start], [])).toEqual([
      asks('restart', worker, 'file:/etc/nginx.conf'),
    ])
    expect(expectedNotes([start, changed(conf)], [])).toHaveLength(2)
  })
})

describe('an action is certain', () => {
  const change = (resource: Resource, verb: 'change' | 'unknown'): Change => ({
    resource,
    state: undefined,
    difference: { verb, summary: '' },
  })
  const conf = (path: string, ...notify: Notification[]): Resource => file(path, { notify })
  const [a, b] = [conf('/a', reload(nginx)), conf('/b', restart(nginx))]
  const certain = (changes: readonly Change[], owed: readonly Noted[] = []): string[] =>
    dueActions(expectedNotes(changes, owed), [nginx], kinds).map(
      (each) => `${actionsOf([each])[0]} ${isCertain(each, changes, owed)}`,
    )

  test('where a certain change asks for it', () => {
    expect(certain([change(a, 'change')])).toEqual(['reload service:nginx true'])
    expect(certain([change(a, 'unknown')])).toEqual(['reload service:nginx false'])
    expect(certain([change(a, 'unknown'), change(conf('/c', reload(nginx)), 'change')])).toEqual([
      'reload service:nginx true',
    ])
  })

  test('where an earlier run owes it', () => {
    expect(certain([], [asks('restart', nginx, 'file:/a')])).toEqual(['restart service:nginx true'])
  })

  test('unless a stronger one may take its place', () => {
    expect(certain([change(a, 'change'), change(b, 'unknown')])).toEqual([
      'restart service:nginx false',
    ])
  })

  test('unless a start that comes later may settle it', () => {
    const [ask, start] = [change(a, 'change'), change(nginx, 'unknown')]
    expect(certain([ask, start])).toEqual(['reload service:nginx false'])
    expect(certain([start, ask])).toEqual(['reload service:nginx true'])
  })
})

describe('the journal', () => {
  test('is read as it was written, whatever the names hold', () => {
    const noted = ['file:/etc/ä b', 'file:/tab\tnew\nline', "file:/it's $HOME 100%"].map((cause) =>
      asks('restart', nginx, cause),
    )
    const written = noted.map(
      ({ target, action, cause }) =>
        `note ${encodeURIComponent(target)}\t${action}\t${encodeURIComponent(cause)}\n`,
    )
    expect(parseJournal(Buffer.from(written.join(''))).noted).toEqual(noted)
  })

  test('passes over what it did not write', () => {
    const lines = [
      '',
      'garbage',
      '%zz\trestart\t%',
      '\t\t',
      'service%3Anginx\treload\tfile%3A%2Fa',
    ].map((row) => `note ${row}`)
    expect(parseJournal(Buffer.from(lines.join('\n'))).noted).toEqual([
      { target: '%zz', action: 'restart', cause: '%' },
      { target: 'service:nginx', action: 'reload', cause: 'file:/a' },
    ])
  })

  test('is one file for each target and action, made in one rename', () => {
    const noted = [asks('reload', nginx, "file:/it's"), asks('restart', nginx, 'file:/b')]
    expect(note(noted).text).toMatchInlineSnapshot(`
      "mkdir -p /var/lib/fettle/pending && cd /var/lib/fettle/pending && printf '%s	%s	%s
      ' service%3Anginx reload 'file%3A%2Fit'\\''s' > .new && { sync .new 2>/dev/null; mv -f .new /var/lib/fettle/pending/1721f367a382095e6319b7722e96d9ba; } && printf '%s	%s	%s
      ' service%3Anginx restart file%3A%2Fb > .new && { sync .new 2>/dev/null; mv -f .new /var/lib/fettle/pending/32a6fb9c10e7cafb0d701bbbaa1a414c; }"
    `)
    expect(strike([...noted, asks('reload', nginx, 'file:/c')]).text).toMatchInlineSnapshot(
      `"rm -f -- /var/lib/fettle/pending/1721f367a382095e6319b7722e96d9ba /var/lib/fettle/pending/32a6fb9c10e7cafb0d701bbbaa1a414c /var/lib/fettle/outcome"`,
    )
  })
})
