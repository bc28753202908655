import type { App } from '../model/app.ts'
import { launcherOf } from './launch.ts'
import { releaseFolderOf } from './paths.ts'
import type { Release } from './release.ts'

/**
 * The unit of an instance: `shop.web.3f2a1b9c4d5e.a1b2c3@12003.service`; without one, its template. No
 * name of an app or a process has a dot.
 */
export const unitOf = (app: string, process: string, release: string, instance: string): string =>
  `${app}.${process}.${release}@${instance}.service`

/** The template of one process of a release. */
export function processUnit(app: App, release: Release, process: string, address: string): string {
  const { name } = app
  const folder = releaseFolderOf(name, release.name)
  const launcher = launcherOf(app, release)
  return sections({
    Unit: [
      `Description=${name} ${process} ${release.name} (%i)`,
      'After=network-online.target',
      'Wants=network-online.target',
      // It tries again for ever, later and later.
      'StartLimitIntervalSec=0',
    ],
    Service: [
      ...launcher.starts,
      ...launcher.instance(release.processes[process] ?? ''),
      `EnvironmentFile=${folder}/env`,
      `Environment=HOST=${address} FETTLE_APP=${name} FETTLE_RELEASE=${release.name} FETTLE_PROCESS=${process} FETTLE_INSTANCE=%i`,
      ...(process === 'web' ? ['Environment=PORT=%i'] : []),
      // As root, without the sandbox; and whatever becomes of it, the program is started.
      `ExecStartPre=-+/bin/sh ${folder}/.backoff %n`,
      `ExecStart=/bin/sh ${folder}/${process}`,
      'Restart=always',
      'RestartSec=1',
      `SyslogIdentifier=${name}`,
      `LogExtraFields=FETTLE_APP=${name} FETTLE_RELEASE=${release.name} FETTLE_PROCESS=${process} FETTLE_INSTANCE=%i`,
      ...limitsOf(app),
      ...launcher.sandbox,
    ],
    Install: ['WantedBy=multi-user.target'],
  })
}

/** What a program of an app may take. */
export function limitsOf({ limits }: App): string[] {
  return [
    ...(limits.memory ? [`MemoryMax=${limits.memory}M`] : []),
    ...(limits.cpu ? [`CPUQuota=${Math.round(limits.cpu * 100)}%`] : []),
    `TasksMax=${limits.tasks}`,
    `LimitNOFILE=${limits.files}`,
  ]
}

/** A unit's text. */
export function sections(all: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(all)
    .map(([name, rows]) => `[${name}]\n${rows.join('\n')}\n`)
    .join('\n')
}
