/** The part of the catalogue about `secrets.yaml` and what an app finds in its environment. */
export const secretsProblems = {
  'secret-closed': {
    what: 'Secret {name} is not encrypted for you.',
    state: 'No host was contacted.',
    next: 'Ask one of those who can read it ({people}) to run `fettle secrets add YOUR-NAME {recipient}`.',
  },
  'secret-damaged': {
    what: 'Secret {name} in {path} could not be decrypted: {reason}',
    state: 'No host was contacted.',
    next: 'Take the file of an earlier commit, or set the value anew: `fettle secrets set {name}`.',
  },
  'secrets-broken': {
    what: '{path}, line {line}: {reason}.',
    state: 'No value was read.',
    next: 'Correct the line by hand, or take the file of an earlier commit; `fettle secrets` then brings it in order.',
  },
  'secrets-moved': {
    what: '{path} was changed by somebody else in the meantime.',
    state: 'It was left as it is now.',
    next: 'Run again.',
  },
  'invalid-secret': {
    what: 'Secret {name}: {problem}.',
    state: 'No value was changed.',
    next: 'Write {suggestion}.',
  },
  'invalid-recipient': {
    what: 'Recipient {name} {problem}.',
    state: 'No value was changed.',
    next: 'Write {suggestion}.',
  },
  'identity-missing': {
    what: 'Secret {name} is encrypted, and you have no identity to open it with.',
    state: 'No host was contacted.',
    next: 'Run `fettle secrets who`: it makes one and shows its public key. Then ask one of those who can read it ({people}) to add you, or name the file of your identity in FETTLE_IDENTITY.',
  },
  'identity-unusable': {
    what: 'Your identity at {path} cannot be used: {reason}.',
    state: 'No value was read.',
    next: '{next}',
  },
  'edit-failed': {
    what: 'The values could not be edited: {reason}.',
    state: 'No value was changed, and the temporary file is gone.',
    next: '{next}',
  },
  'env-file-broken': {
    what: '{path}, line {line}: {problem}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
  'invalid-env': {
    what: 'App {app}: {name} (from {from}) {problem}.',
    state: 'No host was contacted.',
    next: 'Write {suggestion}.',
  },
} as const
