import type { Launched, Launcher } from '../runtimes/runtime.ts'
import { killMode, scriptOf } from './script.ts'

/** Programs that run on the host itself, as the app's user in its tree. */
export function onHost({ user, folder, data, stop }: Launched): Launcher {
  return {
    starts: [`User=${user}`, `Group=${user}`, `WorkingDirectory=${folder}`, 'NoNewPrivileges=yes'],
    sandbox: [...sandbox, `ReadWritePaths=${data}`],
    instance: (command) => ['Type=exec', `KillMode=${killMode(command)}`, `TimeoutStopSec=${stop}`],
    script: scriptOf,
    shell: 'exec /bin/sh "$@"',
  }
}

/**
 * systemd.exec(5). A program cannot write anything but its data and a /tmp of its own, and what it has no
 * use for is not there. Memory stays executable: Node and others compile as they go.
 */
const sandbox = [
  'UMask=0027',
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
