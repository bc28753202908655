/** The part of the catalogue about changing what an app serves with: nothing is left in between without a word. */
export const deliveryProblems = {
  'app-not-prepared': {
    what: '{host} is not prepared for the app {app}: its users and folders are not there.',
    state: 'Nothing was changed about what serves.',
    next: 'Run `fettle up`, then deploy again.',
  },
  'app-without-balancer': {
    what: 'App {app} has domains, and no host of this fleet has a balancer.',
    state: 'No host was contacted.',
    next: "Place one: role('balancer', (host) => balancer(host)).on('lb1'), then `fettle up`.",
  },
  'app-being-deployed': {
    what: '{app} is to be removed from {host}, and a deploy of it goes on there, or was interrupted less than a minute ago.',
    state: 'Nothing was changed.',
    next: 'Run again when it has ended.',
  },
  'no-room': {
    what: '{host} has {free} MiB free on the disk of {app}, and a release takes up to {wanted} MiB.',
    state: 'Nothing was changed about what serves.',
    next: 'Make room there, or keep fewer releases (`rollout.keep`), then deploy again.',
  },
  'ports-taken': {
    what: '{host} has no {wanted} free ports for {app} between {first} and {last}.',
    state: 'Nothing was changed about what serves.',
    next: 'See who listens there (`fettle run --host {host} -- ss -ltnp`), or give the app another `port`.',
  },
  'deploy-step-failed': {
    what: '{host}: {doing} for {app} failed: {reason}',
    state: 'Nothing was changed about what serves.',
    next: 'Correct the cause, then deploy again.',
  },
  'release-command-failed': {
    what: '{host}: the release command of {app} failed with exit code {code}: {reason}',
    state: 'Nothing was changed about what serves; what the command had done by then stays done.',
    next: 'Correct the command or what it needs (its output is above), then deploy again.',
  },
  'release-bad': {
    what: '{host}: {release} of {app} is not well: {reason}.',
    state: 'It does not take any traffic.',
    next: 'See its log above, correct it, and deploy again.',
  },
  'rollout-put-back': {
    what: 'The rollout of {app} was put back: {reason}',
    state: '{state}',
    next: '{next}',
  },
  'rollout-unfinished': {
    what: 'The rollout of {app} passed on all hosts, but not all could finish it: {reason}',
    state: 'The new release serves; instances of the old one may still run.',
    next: 'Correct the cause: the next change of {app} finishes it first.',
  },
  'rollout-interrupted': {
    what: 'An earlier rollout of {app} was interrupted.',
    state: 'It is put back.',
    next: 'Deploy again.',
  },
  'app-not-deployed': {
    what: 'Nothing of {app} serves on {host} yet.',
    state: 'Nothing was changed.',
    next: 'Run `fettle deploy {app}` first.',
  },
  'nothing-to-roll-back': {
    what: 'There is no earlier release of {app} on all of its hosts.',
    state: 'Nothing was changed about what serves.',
    next: '`fettle releases {app}` shows what there is; `fettle deploy {app} REV` brings any commit.',
  },
  'balancer-failed': {
    what: 'The balancer on {host} did not do what {app} needs: {reason}',
    state: 'What it was doing before it goes on doing.',
    next: 'Look at it with `fettle ssh {host}`; `fettle up` puts its configuration right.',
  },
} as const
