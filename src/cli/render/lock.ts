import { compareVersions } from '../../model/debian-version.ts'
import type { LockChange } from '../../model/lock.ts'
import { type Paint, count } from './style.ts'

/** What a new lock changes, by release. */
export function changeLines(changes: readonly LockChange[], paint: Paint): string[] {
  if (changes.length === 0) return ['fettle.lock is as it was: nothing to add.']
  const releases = new Set(changes.map(({ release }) => release))
  const added = changes.filter(({ from }) => !from).length
  const removed = changes.filter(({ to }) => !to).length
  const parts = [
    ...(added > 0 ? [`${added} added`] : []),
    ...(changes.length > added + removed ? [`${changes.length - added - removed} changed`] : []),
    ...(removed > 0 ? [`${removed} removed`] : []),
  ]
  return [
    ...[...releases].flatMap((release) => [
      paint('bold', release),
      ...aligned(
        changes.filter((each) => each.release === release).map((each) => rowOf(each, paint)),
      ),
      '',
    ]),
    paint('bold', `fettle.lock: ${parts.join(', ')}.`),
  ]
}

function rowOf({ name, from, to }: LockChange, paint: Paint): string[] {
  if (!from) return [`  ${paint('green', '+')} ${name}`, to!.version, paint('dim', to!.origin)]
  if (!to) return [`  ${paint('red', '-')} ${name}`, from.version, paint('dim', from.origin)]
  const back = compareVersions(from.version, to.version) > 0 ? ' (downgrade)' : ''
  const move = `${from.version} -> ${to.version}${back}`
  return [`  ${paint('yellow', '~')} ${name}`, move, paint('dim', to.origin)]
}

/** Locked versions that a new host could not have any more. */
export function goneLines(
  gone: readonly {
    readonly release: string
    readonly host: string
    readonly name: string
    readonly version: string
    readonly there: readonly string[]
  }[],
  paint: Paint,
): string[] {
  if (gone.length === 0) return []
  const names = [...new Set(gone.map(({ name }) => name))]
  return [
    '',
    paint('red', `No source has ${count(names.length, 'locked version')} any more:`),
    ...aligned(
      gone.map(({ release, host, name, version, there }) => [
        `  ${name}`,
        `${version}, there is ${there.join(', ') || 'nothing'}`,
        paint('dim', `${release}, asked ${host}`),
      ]),
    ),
    paint('cyan', `fettle lock --upgrade ${names.join(' ')}`),
  ]
}

/** One line of `fettle outdated`. */
export interface Outdated {
  readonly release: string
  readonly name: string
  readonly locked: string
  readonly candidate: string
  readonly origin: string
  readonly security: boolean
  /** No source has the locked version any more. */
  readonly gone: boolean
}

export function outdatedLines(all: readonly Outdated[], locked: number, paint: Paint): string[] {
  if (all.length === 0) return [`Nothing is outdated (${count(locked, 'locked package')}).`]
  const releases = new Set(all.map(({ release }) => release))
  const security = all.filter((each) => each.security).length
  return [
    ...[...releases].flatMap((release) => [
      paint('bold', release),
      ...aligned([
        ['  package', 'locked', 'candidate', 'from'].map((each) => paint('dim', each)),
        ...all.filter((each) => each.release === release).map((each) => outdatedRow(each, paint)),
      ]),
      '',
    ]),
    paint('bold', `${count(all.length, 'package')} outdated`) +
      (security > 0 ? paint('red', `, ${security} of them for security`) : ''),
  ]
}

function outdatedRow(each: Outdated, paint: Paint): string[] {
  const locked = each.gone ? `${each.locked} (gone)` : each.locked
  const origin = paint(each.security ? 'red' : 'dim', each.origin)
  return [`  ${each.name}`, locked, each.candidate, origin]
}

/** Columns; colours have no width. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  // oxlint-disable-next-line no-control-regex -- these are what is left out
  const width = (text: string): number => text.replace(/\x1b\[[0-9;]*m/g, '').length
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, i) => Math.max(all[i] ?? 0, width(cell))),
    [],
  )
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! - width(cell))))
      .join('  '),
  )
}
