/**
 * What Capistrano 3.20.0 asks each host in `cap production deploy`, read from its `deploy.rake`, `git.rake`
 * and `git.rb`: each `execute`, `test`, `capture` and `upload!` is a command of its own over a connection
 * that is kept, and each `within` one more, as SSHKit looks first whether the folder is there. No linked
 * files or folders. A command is counted as one round trip, though SSH needs one to open its channel and
 * one to run it.
 */
export const capistrano: readonly {
  readonly task: string
  readonly first: number
  readonly later: number
}[] = [
  { task: 'git:wrapper', first: 3, later: 3 },
  { task: 'git:check', first: 1, later: 1 },
  { task: 'deploy:check:directories', first: 1, later: 1 },
  { task: 'deploy:set_previous_revision', first: 1, later: 2 },
  { task: 'deploy:set_previous_revision_time', first: 1, later: 2 },
  { task: 'git:clone', first: 3, later: 1 },
  { task: 'git:update', first: 3, later: 3 },
  { task: 'git:create_release', first: 3, later: 3 },
  { task: 'git:set_current_revision', first: 2, later: 2 },
  { task: 'deploy:set_current_revision', first: 2, later: 2 },
  { task: 'git:set_current_revision_time', first: 2, later: 2 },
  { task: 'deploy:set_current_revision_time', first: 2, later: 2 },
  { task: 'deploy:symlink:release', first: 2, later: 2 },
  // From the sixth release on.
  { task: 'deploy:cleanup', first: 1, later: 4 },
  { task: 'deploy:log_revision', first: 2, later: 2 },
]

export const sumOf = (which: 'first' | 'later'): number =>
  capistrano.reduce((sum, each) => sum + each[which], 0)
