import { type App, userOf } from '../model/app.ts'
import { dataOf, releaseFolderOf, treesOf } from './paths.ts'
import type { Release } from './release.ts'
import { killMode } from './script.ts'

/**
 * The unit of an instance: `shop.web.3f2a1b9c4d5e.a1b2c3@12003.service`; without one, its template. No
 * name of an app or a process has a dot.
 */
export const unitOf = (app: string, process: string, release: string, instance: string): string =>
  `${app}.${process}.${release}@${instance}.service`

/**
 * The template of one process of a release. What is unusual is said: the program itself cannot write
 * anything but its data, /tmp of its own, and what it has no use for is not there.
 */
export function processUnit(app: App, release: Release, process: string, address: string): string {
  const { name, rollout } = app
  const folder = releaseFolderOf(name, release.name)
  const user = userOf(name)
  return sections({
    Unit: [
      `Description=${name} ${process} ${release.name} (%i)`,
      'After=network-online.target',
      'Wants=network-online.target',
      // It tries again for ever, later and later where systemd can (254 and newer).
      'StartLimitIntervalSec=0',
    ],
    Service: [
      'Type=exec',
      `User=${user}`,
      `Group=${user}`,
      `WorkingDirectory=${treesOf(name)}/${release.tree}`,
      `EnvironmentFile=${folder}/env`,
      `Environment=HOST=${address} FETTLE_APP=${name} FETTLE_RELEASE=${release.name} FETTLE_PROCESS=${process} FETTLE_INSTANCE=%i`,
      ...(process === 'web' ? ['Environment=PORT=%i'] : []),
      `ExecStart=/bin/sh ${folder}/${process}`,
      'Restart=always',
      'RestartSec=1',
      'RestartSteps=6',
      'RestartMaxDelaySec=60',
      `KillMode=${killMode(release.processes[process] ?? '')}`,
      `TimeoutStopSec=${rollout.stop}`,
      `SyslogIdentifier=${name}`,
      `LogExtraFields=FETTLE_APP=${name} FETTLE_RELEASE=${release.name} FETTLE_PROCESS=${process} FETTLE_INSTANCE=%i`,
      ...sandboxOf(app),
    ],
    Install: ['WantedBy=multi-user.target'],
  })
}

/** What a program of an app may do and take. */
export function sandboxOf({ name, limits }: App): string[] {
  return [
    ...(limits.memory ? [`MemoryMax=${limits.memory}M`] : []),
    ...(limits.cpu ? [`CPUQuota=${Math.round(limits.cpu * 100)}%`] : []),
    `TasksMax=${limits.tasks}`,
    `LimitNOFILE=${limits.files}`,
    'UMask=0027',
    ...sandbox,
    `ReadWritePaths=${dataOf(name)}`,
  ]
}

/** systemd.exec(5). Memory stays executable: Node and others compile as they go. */
const sandbox = [
  'NoNewPrivileges=yes',
  'CapabilityBoundingSet=',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelLogs=yes',
  'ProtectControlGroups=yes',
  'ProtectClock=yes',
  'ProtectHostname=yes',
  'ProtectProc=invisible',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
  'RestrictNamespaces=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'LockPersonality=yes',
  'RemoveIPC=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  // What is not allowed fails, it does not kill: programs try what they can do without.
  'SystemCallErrorNumber=EPERM',
]

/** A unit's text. */
export function sections(all: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(all)
    .map(([name, rows]) => `[${name}]\n${rows.join('\n')}\n`)
    .join('\n')
}
