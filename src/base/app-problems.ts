/** The part of the catalogue that is about delivering apps. */
export const appProblems = {
  'source-missing': {
    what: 'App {app}: its source {path} {reason}.',
    state: 'No host was contacted.',
    next: 'Name a folder, a git repository or a tar archive, relative to the description, or a git URL.',
  },
  'source-unreachable': {
    what: 'App {app}: git cannot read {source}: {reason}',
    state: 'No host was contacted.',
    next: 'Try `git ls-remote {source}`: once that works, run again.',
  },
  'source-unusable': {
    what: 'App {app}: {path} cannot be delivered: {reason}.',
    state: 'No host was contacted.',
    next: 'Change that in the source, or deliver what a build has made of it (`build.where`).',
  },
  'revision-unknown': {
    what: 'App {app} has no revision {rev}.',
    state: 'No host was contacted.',
    next: 'Name a commit, a branch or a tag: {nearest}.',
  },
  'runtime-unknown': {
    what: 'App {app}: {reason}.',
    state: 'No host was contacted.',
    next: "Say it in the description, such as `runtime: 'node'`, or name its commands in `processes`.",
  },
  'runtime-not-supported': {
    what: 'App {app}: an app of the kind {runtime} cannot have `{field}`.',
    state: 'No host was contacted.',
    next: 'Leave {field} out (what a Dockerfile says is the build), or name another kind with `runtime`.',
  },
  'procfile-broken': {
    what: '{file}, line {line}: {reason}.',
    state: 'No host was contacted.',
    next: 'Write one process on each line: `web: node server.js`.',
  },
  'process-web-missing': {
    what: 'App {app} has domains, and no process web that answers them in {where}.',
    state: 'No host was contacted.',
    next: 'Add `web: COMMAND` to its Procfile, or `processes.web` to the description; it listens on $PORT of $HOST.',
  },
  'upload-failed': {
    what: '{host}: the files of app {app} could not be put in place: {reason}',
    state: 'Nothing of them is left there; what runs goes on running.',
    next: 'Correct the cause (is the disk full?) and deploy again.',
  },
  'image-differs': {
    what: '{host}: {image} of app {app} is another image than on {first}.',
    state: 'Nothing was changed about what serves.',
    next: 'Name it by its digest (NAME@sha256:...), or by a tag that is never moved, then deploy again.',
  },
  'build-failed': {
    what: '{host}: app {app} could not be built: {reason}.',
    state: 'Nothing of it is left there; what runs goes on running.',
    next: 'Look at the end of its log below, correct the app and deploy again.',
  },
} as const
