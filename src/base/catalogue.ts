import { appProblems } from './app-problems.ts'
import { deliveryProblems } from './delivery-problems.ts'
import { secretsProblems } from './secrets-problems.ts'

const general = {
  // The description: nothing has been contacted yet.
  'description-not-found': {
    what: 'There is no description at {path}.',
    state: 'Nothing was read or changed.',
    next: 'Run `fettle init` to write one here, or name another with --fleet PATH.',
  },
  'description-broken': {
    what: '{path} could not be loaded: {reason}',
    state: 'No host was contacted.',
    next: 'Correct the file; your editor shows the same mistake when TypeScript is on.',
  },
  'description-not-a-fleet': {
    what: '{path} does not export a fleet.',
    state: 'No host was contacted.',
    next: 'Write `export default fleet(...)` with hosts and roles; `fettle init` shows how.',
  },
  'unknown-host': {
    what: '{what} is placed on {host}, which is not a host of this fleet.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'unmatched-label': {
    what: '{what} is placed on hosts with {label}, which no host has.',
    state: 'No host was contacted.',
    next: 'Add the label to a host, or write {suggestion}.',
  },
  'unknown-selection': {
    what: 'No {what} is called {name}.',
    state: 'Nothing was changed.',
    next: 'Write {suggestion}.',
  },
  'unknown-var': {
    what: 'Host {host} has no var {name}.',
    state: 'No host was contacted.',
    next: 'Set {name} in the vars of {host} or of the fleet, or write {suggestion}.',
  },
  'invalid-fleet-name': {
    what: 'The name of a fleet cannot be {name}.',
    state: 'No host was contacted.',
    next: "Write letters, digits, dots and hyphens, such as 'shop'.",
  },
  'invalid-host': {
    what: 'Host {host}: {problem}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'invalid-resource': {
    what: '{resource}: {field} {problem}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'invalid-app': {
    what: 'App {app}: {field} {problem}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'domain-claimed-twice': {
    what: 'The domain {domain} is claimed by the apps {app} and {other}.',
    state: 'No host was contacted.',
    next: 'Leave it to one of the two.',
  },
  'ports-overlap': {
    what: 'The apps {app} and {other} on {host} would have the same ports, from {port} on.',
    state: 'No host was contacted.',
    next: 'Give one of them others, such as `port: {free}`.',
  },
  'app-named-twice': {
    what: 'Two apps are called {app}.',
    state: 'No host was contacted.',
    next: 'Give one of them another name.',
  },
  'unknown-app': {
    what: 'No app is called {name}.',
    state: 'Nothing was changed.',
    next: 'Write {suggestion}.',
  },
  'not-a-resource': {
    what: 'Role {role} returned {value} among its resources.',
    state: 'No host was contacted.',
    next: 'Return resources such as file(...) or packages(...), in nested lists if you like; false, null and undefined are left out.',
  },
  'claimed-twice': {
    what: '{resource} on {host} is claimed twice: here and at {other}.',
    state: 'No host was contacted.',
    next: 'Keep one of the two, or give one another name.',
  },
  'unknown-dependency': {
    what: '{resource} on {host} refers to {target}, which is not described there.',
    state: 'No host was contacted.',
    next: 'Return {target} from a role of {host} as well, or remove the reference.',
  },
  'unknown-action': {
    what: '{resource} notifies {target}, which cannot {action}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'dependency-cycle': {
    what: 'These wait for each other on {host}: {cycle}.',
    state: 'No host was contacted.',
    next: 'Remove one `after` of the circle.',
  },
  'template-not-found': {
    what: 'There is no template or source file at {path}.',
    state: 'No host was contacted.',
    next: 'Paths are relative to the file that names them. Correct the path or create the file.',
  },
  'template-undefined-name': {
    what: 'Template {path}, line {line}: {name} is not defined.',
    state: 'No host was contacted.',
    next: 'Pass {name} in the values of template(...), or write {suggestion}.',
  },
  'template-broken': {
    what: 'Template {path} could not be rendered: {reason}',
    state: 'No host was contacted.',
    next: 'Correct the template.',
  },
  'secret-missing': {
    what: 'Secret {name} has no value: {reason}.',
    state: 'No host was contacted.',
    next: '{remedy}',
  },
  'unquotable-value': {
    what: 'A value for a host holds a NUL byte: {value}.',
    state: 'It was not sent.',
    next: 'Remove the NUL byte; no shell can carry it in a word.',
  },

  // Reaching a host.
  'ssh-missing': {
    what: 'The OpenSSH client `ssh` is not installed here.',
    state: 'No host was contacted.',
    next: 'On Debian or Ubuntu: apt-get install openssh-client.',
  },
  'host-unreachable': {
    what: '{host} ({address}) could not be reached: {reason}',
    state: 'Nothing was changed on {host}.',
    next: 'Check that it is up and that `ssh {address}` works from here, then run again.',
  },
  'login-refused': {
    what: '{host} ({address}) refused the login: {reason}',
    state: 'Nothing was changed on {host}.',
    next: 'Check the login name in the description and that your key is in its authorized_keys: `ssh {address}` must work without a password.',
  },
  'host-key-changed': {
    what: '{host} ({address}) shows another host key than the one known here.',
    state: 'The connection was closed before anything was sent to {host}.',
    next: 'If the host was reinstalled, run `ssh-keygen -R {address}` and log in once by hand to check the new key. Otherwise somebody may be in between: stop and find out.',
  },
  'host-key-unknown': {
    what: 'The host key of {host} ({address}) is not known here.',
    state: 'The connection was closed before anything was sent to {host}.',
    next: 'Log in once with `ssh {address}` and compare the fingerprint, or add the key to known_hosts.',
  },
  'connection-lost': {
    what: 'The connection to {host} broke: {reason}',
    state: '{state}',
    next: 'Run again: what was done is read back first, and what is left is done.',
  },
  'host-timeout': {
    what: '{host} did not answer within {seconds} s.',
    state: '{state}',
    next: 'Look at the host (`fettle ssh {host}`), then run again, if need be with a longer --timeout.',
  },
  'login-timeout': {
    what: '{host} ({address}) did not finish the login within {seconds} s.',
    state: 'Nothing was changed on {host}.',
    next: '`ssh {address} true` must end at once: look at what it waits for (the network, names, PAM, the start files of the login shell).',
  },
  'login-shell-failed': {
    what: 'The login on {host} ended before it ran a POSIX shell: {reason}',
    state: 'Nothing was changed on {host}.',
    next: '`ssh {address} true` must succeed: look at the login shell and its start files (.bashrc and the like) there.',
  },
  'sudo-needs-password': {
    what: '{login} may not become {user} on {host} without a password.',
    state: 'Nothing was changed as {user} on {host}.',
    next: "Allow it with a file in /etc/sudoers.d: `{login} ALL=(ALL) NOPASSWD: ALL`, or set the host's login to root.",
  },
  'sudo-missing': {
    what: 'sudo is not installed on {host}, so {login} cannot become {user}.',
    state: 'Nothing was changed as {user} on {host}.',
    next: "Install sudo on the host, or set the host's login to root.",
  },
  'no-such-user': {
    what: 'There is no user {user} on {host} to run a step as.',
    state: 'The step was not run.',
    next: 'Describe the user before what runs as that user (`after`), or correct the name.',
  },

  // Reading, planning, changing.
  'read-failed': {
    what: '{host}: the state of {resource} could not be read: {reason}',
    state: 'Nothing was changed on {host}.',
    next: 'Correct the cause on the host and run again.',
  },
  'step-failed': {
    what: '{host}: {resource} failed with exit code {code}: {reason}',
    state: '{state}',
    next: '{next}',
  },
  'change-did-not-take': {
    what: '{host}: {resource} was changed without an error, but reads back as: {difference}.',
    state: '{state}',
    next: 'Something else on the host undoes it (another tool, a read-only file, a script of the package). Find it, then run again.',
  },
  'answer-lost': {
    what: '{host}: the connection broke during {resource}. One can log in again, but {finding}.',
    state: '{state}',
    next: 'Run again: what is left is done. If it breaks the connection each time, look at what it does there (`fettle ssh {host}`).',
  },
  'lease-held': {
    what: '{host} is in the hands of another run: {who}.',
    state: 'Nothing was changed on {host}.',
    next: 'Wait for that run to end; without a sign of life its lease expires in {left} s. Or end it with --take-over.',
  },
  'lease-lost': {
    what: '{host}: another run has taken over.',
    state: 'This run was ended there between two steps, or in the middle of one.',
    next: 'Run `fettle plan --host {host}` when that run is over: it shows what is left.',
  },
  'lease-failed': {
    what: '{host} could not be taken for this run: {reason}',
    state: 'Nothing was changed on {host}.',
    next: 'Fettle keeps its journal in /var/lib/fettle, as root: see that it can be written there.',
  },
  'host-moved': {
    what: '{host}: another run has changed something since it was read.',
    state: 'Nothing was changed on {host}.',
    next: 'Run again, and look at the new plan.',
  },
  'locked-out': {
    what: '{host}: after {resource} nobody could log in any more: {reason}',
    state: '{state}',
    next: 'Correct the description, then look at `fettle plan --host {host}`. What was put back is in /var/lib/fettle/restored on the host.',
  },
  'guard-failed': {
    what: '{host}: the change could lock us out, and the host cannot guard it: {reason}',
    state: 'It was not made.',
    next: 'Make it by hand where you have another way in, or correct the cause.',
  },
  'locks-out': {
    what: '{resource}: {field} would keep out {what}.',
    state: 'Nothing was changed there.',
    next: 'Let it in: {suggestion}, before what keeps it out.',
  },
  'action-failed': {
    what: '{host}: {action} failed with exit code {code}: {reason}',
    state:
      'What asked for it is done; the {action} stays noted on {host} and the next run does it.',
    next: 'Look at the log of the service (`fettle ssh {host}`), correct the cause, run again.',
  },
  'step-timeout': {
    what: '{host}: {resource} did not finish within {seconds} s.',
    state: '{state}',
    next: 'Look at what hangs on the host, then run again, if need be with a longer --timeout.',
  },
  interrupted: {
    what: 'Interrupted.',
    state: '{state}',
    next: 'Run again to do what is left.',
  },
  'plan-moved': {
    what: 'The plan is not the one with hash {expected}: it is {actual} now.',
    state: 'Nothing was changed.',
    next: 'Look at the new plan (`fettle plan`) and give its hash.',
  },
  'plan-file-broken': {
    what: '{path} is not a plan that can be applied: {reason}.',
    state: 'No host was contacted.',
    next: 'Write one with `fettle plan --out FILE`.',
  },
  'plan-file-moved': {
    what: 'Not as it was when {path} was written: {moved}.',
    state: 'Nothing was changed.',
    next: 'Write a new plan (`fettle plan --out FILE`) and look at it.',
  },
  'needs-confirmation': {
    what: 'There are changes to apply and nobody to ask, because input is not a terminal.',
    state: 'Nothing was changed.',
    next: 'Say --yes, or --plan-hash HASH with the hash that `fettle plan` showed.',
  },

  // fettle.lock.
  'lock-broken': {
    what: '{path} is not a lock file that this Fettle reads: {reason}',
    state: 'No host was contacted; the file was not changed.',
    next: 'After a merge, keep the lines of both sides. Or restore it from git, or remove it and run `fettle lock`.',
  },
  'lock-missing': {
    what: 'There is no {path}.',
    state: 'No host was contacted.',
    next: 'Run `fettle lock` to write it, and keep it in git.',
  },
  'not-locked': {
    what: 'fettle.lock says no version of {packages} for {release}.',
    state: 'Nothing was changed on this host.',
    next: 'Run `fettle lock`: it adds what is missing and leaves the rest as it is. If the description brings their source too, run `fettle up --only apt-repository` before it.',
  },
  'lock-disagrees': {
    what: '{resource} is described in version {described}, and fettle.lock says {locked}.',
    state: 'Nothing was changed on this host.',
    next: 'Run `fettle lock` to lock what is described, or correct the description.',
  },
  'version-gone': {
    what: 'No source of {release} has {packages} any more.',
    state: 'Nothing was changed on this host.',
    next: 'Run `fettle lock --upgrade {names}` and look at the diff, or describe an aptRepository that still has the version, such as a date of snapshot.debian.org.',
  },
  'lock-not-enough': {
    what: 'With the versions of fettle.lock apt cannot install {packages}: {reason}',
    state: 'Nothing was changed on this host.',
    next: 'Run `fettle lock` if a package is missing in it, or `fettle lock --upgrade NAME`; what the host itself has too old (`fettle ssh`), bring up to date there.',
  },
  'lock-conflict': {
    what: '{package} would be locked for {release} as {one} by {host} and as {other} by {otherHost}.',
    state: 'fettle.lock was not changed.',
    next: 'Give these hosts the same sources of packages (`apt-cache policy {package}` shows theirs), then run again.',
  },
  'lock-failed': {
    what: '{host} could not say what its packages come to: {reason}',
    state: 'fettle.lock was not changed; on {host} nothing but the lists of apt.',
    next: '{next}',
  },

  // The lab.
  'lab-not-possible': {
    what: 'The lab cannot run here: {missing}.',
    state: 'Nothing was installed or started.',
    next: '{remedy}',
  },
  'lab-command-failed': {
    what: 'The lab could not {doing}: {reason}',
    state: '{state}',
    next: 'Run `fettle doctor` to see what is missing, then again.',
  },
  'lab-not-up': {
    what: 'There is no lab host {host} for this description.',
    state: 'Nothing was contacted.',
    next: 'Run `fettle lab up` first.',
  },

  // The command line and files here.
  usage: {
    what: '{problem}',
    state: 'Nothing was contacted.',
    next: '{next}',
  },
  'file-exists': {
    what: '{path} is there already.',
    state: 'It was not touched.',
    next: 'Remove or rename it first, or run in another folder.',
  },
  'ledger-broken': {
    what: '{path}, line {line} is not a ledger record: {reason}',
    state: 'The file was not changed.',
    next: 'Restore the file from git or remove that line.',
  },
  'internal-error': {
    what: 'Fettle itself failed: {reason}',
    state: 'What state the hosts are in is not certain; reading them again is safe.',
    next: 'Run `fettle plan` to see the state, and report this with the output of `fettle doctor`.',
  },
} as const

/**
 * The catalogue of every error that Fettle reports. A code is permanent. Each entry says what
 * happened, what state things are in now, and what to do next. `{name}` is filled in from details.
 */
export const catalogue: typeof general &
  typeof appProblems &
  typeof deliveryProblems &
  typeof secretsProblems = {
  ...general,
  ...appProblems,
  ...deliveryProblems,
  ...secretsProblems,
}
