/**
 * `missing`: there is none on the host; `down`: it does not answer; `gone`: it does not any more, and did
 * when what is about to be removed from it was looked at.
 */
export type DatabaseServer = 'missing' | 'down' | 'gone' | 'up'

interface OfServer {
  readonly server: DatabaseServer
}

/** A run may stop or remove a server after what was in it: that is gone then, though nobody can say so. */
export function sincePlanned<State extends OfServer>(seen: State, after: State): State {
  return seen.server === 'up' && after.server === 'down' ? { ...after, server: 'gone' } : after
}
