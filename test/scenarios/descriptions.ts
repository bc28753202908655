import * as fc from 'fast-check'
import { type Resource, absent, idOf } from '../../src/model/resource.ts'
import { aptRepository } from '../../src/resources/apt-repository.ts'
import { authorizedKeys } from '../../src/resources/authorized-keys.ts'
import { block } from '../../src/resources/block.ts'
import { command } from '../../src/resources/command.ts'
import { cron } from '../../src/resources/cron.ts'
import { directory } from '../../src/resources/directory.ts'
import { file } from '../../src/resources/file.ts'
import { git } from '../../src/resources/git.ts'
import { group } from '../../src/resources/group.ts'
import { hostEntry } from '../../src/resources/host-entry.ts'
import { line } from '../../src/resources/line.ts'
import { link } from '../../src/resources/link.ts'
import { packages } from '../../src/resources/package.ts'
import { reload, restart, service } from '../../src/resources/service.ts'
import { sysctl } from '../../src/resources/sysctl.ts'
import { timer } from '../../src/resources/timer.ts'
import { timezone } from '../../src/resources/timezone.ts'
import { unit } from '../../src/resources/unit.ts'
import { user } from '../../src/resources/user.ts'
import { firstCommit, places } from './world.ts'

/**
 * Random descriptions over a small world, so that two of them often say different things about the
 * same name. Each can be converged to from any other: a path keeps its type, and what something
 * needs is described and comes first.
 */
export const descriptions = (): fc.Arbitrary<Resource[]> =>
  fc
    .record({
      accounts: fc.tuple(accounts('ralice', 2001), accounts('rbob', 2002)),
      groups: fc.tuple(groups('rcrew', 2101), groups('rteam', 2102)),
      folders: fc.tuple(...['/a', '/b', '/a/c'].map((path) => folders(`/srv/r${path}`))),
      leaves: fc.tuple(
        ...['/x', '/a/x y', "/a/it's $x", '/a/c/new\nline', '/b/x', '/b/-rf'].map((path) =>
          leaves(`/srv/r${path}`),
        ),
      ),
      texts: fc.tuple(...['/srv/r.conf', '/srv/r.hosts'].map(texts)),
      jobs: fc.tuple(crons('rjob'), timers('rtick')),
      daemons: fc.tuple(daemons('rdaemon'), daemons('rworker')),
      kernel: sometimes(fc.constantFrom(7000, 7100, 7200), (value) => [
        sysctl('net.ipv4.tcp_keepalive_time', value),
      ]),
      zone: sometimes(fc.constantFrom('Europe/Copenhagen', 'Etc/UTC'), (zone) => [timezone(zone)]),
      names: sometimes(fc.subarray(['rdb', 'rdb.example', 'rcache'], { minLength: 1 }), (names) => [
        hostEntry('10.9.9.9', names),
      ]),
      commands: fc.tuple(commands('one'), commands('two')),
      software: software(['rone', 'rtwo', 'rthree']),
      sources: sources('rsource'),
      checkouts: fc.tuple(checkouts('/srv/rcheckout'), checkouts('/srv/r.copy')),
    })
    .map((world) => Object.values(world).flat(3))
    .map(consistent)

/** The same resources in another order of description; what waits still waits. */
export function shuffled(resources: readonly Resource[], keys: readonly number[]): Resource[] {
  return resources
    .map((resource, i) => ({ resource, key: keys[i % keys.length]! * (i + 1) * 0.618_034 }))
    .sort((a, b) => (a.key % 1) - (b.key % 1))
    .map(({ resource }) => resource)
}

type Some = fc.Arbitrary<Resource[]>

/** Not described, described, or described as gone. */
function sometimes<Value>(
  values: fc.Arbitrary<Value>,
  describe: (value: Value) => Resource[],
): Some {
  const described = values.map(describe)
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant<Resource[]>([]) },
    { weight: 3, arbitrary: described },
    { weight: 1, arbitrary: described.map(gone) },
  )
}

/** All of them gone, the last one first. */
function gone(resources: readonly Resource[]): Resource[] {
  const bare = resources.toReversed().map((each) => absent({ ...each, notify: [] }))
  return bare.map((each, i) => ({ ...each, after: i === 0 ? [] : [idOf(bare[i - 1]!)] }))
}

const option = <Value>(...values: Value[]): fc.Arbitrary<Value | undefined> =>
  fc.option(fc.constantFrom(...values), { nil: undefined })

/** Only the fields that have a value. */
function some<Fields extends object>(fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Fields
}

function accounts(name: string, uid: number): Some {
  const options = fc.record({
    shell: option('/bin/bash', '/bin/sh'),
    comment: option('One', 'Two Words'),
    locked: option(true, false),
  })
  const keys = fc.record({
    keys: fc.subarray(['A', 'B', 'C'].map((each) => `ssh-ed25519 ${each.repeat(68)} ${each}`)),
    exclusive: option(true),
  })
  return fc
    .tuple(
      sometimes(options, (each) => [
        // A home that stays keeps its keys, which a plan for the next account cannot see.
        user(name, { uid, removeHome: true, ...some(each) } as object),
      ]),
      fc.option(keys),
    )
    .map(([described, also]) => {
      const [account] = described
      return also && account && !account.absent
        ? [
            account,
            authorizedKeys(name, { ...(some(also) as typeof also & {}), after: account } as never),
          ]
        : described
    })
}

function groups(name: string, gid: number): Some {
  const members = fc.option(fc.subarray(['ralice', 'rbob', 'nobody']), { nil: undefined })
  return sometimes(members, (each) => [group(name, some({ gid, members: each }) as object)])
}

const owners = option('root', 'nobody', 'ralice')
const groupNames = option('root', 'rcrew')

function folders(path: string): Some {
  const options = fc.record({
    mode: option('0755', '0700', '2775'),
    owner: owners,
    group: groupNames,
  })
  return sometimes(options, (each) => [
    directory(path, { ...(some(each) as object), recursive: true }),
  ])
}

function leaves(path: string): Some {
  const options = fc.record({
    content: fc.constantFrom('', 'one\n', 'one\ntwo', 'é\u0000\n'),
    mode: option('0644', '0600'),
    owner: owners,
    group: groupNames,
  })
  const files = sometimes(options, (each) => [file(path, some(each) as object)])
  const links = sometimes(fc.constantFrom('/etc/motd', '../not there'), (to) => [
    link(path, { to }),
  ])
  return fc.oneof({ weight: 3, arbitrary: files }, { weight: 1, arbitrary: links })
}

function texts(path: string): Some {
  const at = option<'start' | 'end'>('start', 'end')
  const lines = ['port', 'host'].map((key) =>
    sometimes(fc.record({ value: fc.constantFrom('1', 'two words'), at }), (each) => [
      line(path, {
        name: key,
        line: `${key}=${each.value}`,
        startsWith: [`${key}=`, `#${key}=`],
        ...(some({ at: each.at }) as object),
      }),
    ]),
  )
  const blocks = ['first', 'second'].map((name) =>
    sometimes(fc.record({ content: fc.constantFrom('a\n', 'b\nc', '$x\n'), at }), (each) => [
      block(path, { name, content: each.content, ...(some({ at: each.at }) as object) }),
    ]),
  )
  return fc.tuple(...lines, ...blocks).map((all) => all.flat())
}

function crons(name: string): Some {
  const options = fc.record({
    schedule: fc.constantFrom('@daily', '5 4 * * mon-fri'),
    command: fc.constantFrom('true', 'echo 100%'),
    runAs: option('root', 'nobody'),
  })
  return sometimes(options, (each) => [cron(name, some(each) as never)])
}

function timers(name: string): Some {
  const options = fc.record({
    command: fc.constantFrom('true', "echo it's 100% $HOME"),
    onCalendar: fc.constantFrom('daily', ['Mon 02:00', 'Tue 03:00']),
    persistent: option(true),
  })
  return sometimes(options, (each) => [timer(name, some(each) as never)])
}

function daemons(name: string): Some {
  const options = fc.record({
    description: fc.constantFrom('one', 'two'),
    running: fc.boolean(),
    enabled: fc.boolean(),
    ask: fc.constantFrom(reload, restart),
    configured: fc.boolean(),
  })
  return sometimes(options, ({ description, running, enabled, ask, configured }) => {
    const target = `service:${name}`
    const sections = {
      Unit: { Description: description },
      Service: { ExecStart: '/bin/sleep infinity', ExecReload: '/bin/true' },
      Install: { WantedBy: 'multi-user.target' },
    }
    const made = unit(`${name}.service`, { sections, notify: restart(target) })
    const conf = file(`/srv/${name}.conf`, { content: description, notify: ask(target) })
    return [made, service(name, { running, enabled, after: made }), ...(configured ? [conf] : [])]
  })
}

function commands(name: string): Some {
  const path = `/srv/r.${name}`
  const options = fc.constantFrom('creates', 'unless')
  return sometimes(options, (guard) => [
    command(`make ${name}`, {
      run: `echo '${name}' > ${path}`,
      ...(guard === 'creates' ? { creates: path } : { unless: `[ -s ${path} ]` }),
    } as never),
  ]).map((described) => described.filter((each) => !each.absent))
}

/** Seldom, as it makes much of what follows unknown. */
function sources(name: string): Some {
  const options = fc.record({
    uris: fc.subarray([...places.more], { minLength: 1 }),
    types: option(['deb'] as const),
    comment: option('One', 'Two'),
  })
  const wanted = sometimes(options, ({ uris, types, comment }) => [
    aptRepository(name, {
      uris,
      suites: './',
      ...(types ? { types } : {}),
      options: { Trusted: 'yes', ...(comment ? { 'X-Comment': comment } : {}) },
    }),
  ])
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<Resource[]>([]) },
    { weight: 1, arbitrary: wanted },
  )
}

function checkouts(path: string): Some {
  const options = fc.record({
    ref: fc.constantFrom('main', 'other', 'v1', 'v2', firstCommit),
    depth: option(1),
  })
  return sometimes(options, ({ ref, depth }) => [
    git(path, { url: places.repository, ref, force: true, ...(depth ? { depth } : {}) }),
  ])
}

/** Seldom: they make much of what follows unknown. */
function software(names: readonly string[]): Some {
  const wanted = fc
    .array(fc.constantFrom('there', 'gone', 'as it is'), { minLength: names.length })
    .map((states) =>
      names.flatMap((name, i) =>
        states[i] === 'there' ? packages(name) : states[i] === 'gone' ? absent(packages(name)) : [],
      ),
    )
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant<Resource[]>([]) },
    { weight: 1, arbitrary: wanted },
  )
}

/** Leaves out what cannot be, and lets each resource wait for what it needs. */
function consistent(resources: readonly Resource[]): Resource[] {
  const has = (kind: string, name: string): Resource | undefined =>
    resources.find((each) => each.kind === kind && each.name === name && !each.absent)
  const folders = new Set(['/srv/r'])
  for (const { kind, name, absent } of resources)
    if (kind === 'directory' && !absent && folders.has(parentOf(name))) folders.add(name)
  const whole = resources.flatMap((each): Resource[] => {
    const desired = { ...(each.desired as Record<string, unknown>) }
    const after = [...each.after]
    const need = (found: Resource | undefined): boolean => {
      if (found) after.push(idOf(found))
      return found !== undefined
    }
    if (desired['owner'] === 'ralice' && (each.absent || !need(has('user', 'ralice'))))
      delete desired['owner']
    if (desired['group'] === 'rcrew' && (each.absent || !need(has('group', 'rcrew'))))
      delete desired['group']
    if (each.kind === 'group' && Array.isArray(desired['members']) && !each.absent)
      desired['members'] = desired['members'].filter(
        (name) => name === 'nobody' || need(has('user', name as string)),
      )
    if (each.name.startsWith('/srv/r/')) {
      const parent = parentOf(each.name)
      if (folders.has(parent)) after.push(`directory:${parent}`)
      else if (!each.absent) return []
    }
    return [{ ...each, desired, after }]
  })
  return [directory('/srv/r'), ...whole]
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/'))
