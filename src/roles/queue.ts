import type { Resource } from '../model/resource.ts'
import { directory } from '../resources/directory.ts'
import { file } from '../resources/file.ts'
import { packages } from '../resources/package.ts'
import { restart, service } from '../resources/service.ts'

/** A queue of jobs (beanstalkd) on loopback. It asks nobody for a password: whoever reaches it may put and take. */
export interface QueueOptions {
  /** The address that it listens on. Default: 127.0.0.1. */
  readonly listen?: string
  /** Default: 11300. */
  readonly port?: number
  /** Whether jobs outlive a restart, in a log below /var/lib/beanstalkd. Default: true. */
  readonly persistent?: boolean
  /** At most so much is lost when the machine dies, in milliseconds; 0 syncs each job. Default: 50. */
  readonly syncEvery?: number
  /** The largest job, in bytes. Default: 65535. */
  readonly maxJob?: number
}

/** Describes a queue: `queue()`. */
export function queue(options: QueueOptions = {}): Resource[] {
  const {
    listen = '127.0.0.1',
    port = 11300,
    persistent = true,
    syncEvery = 50,
    maxJob = 65535,
  } = options
  const folder = '/var/lib/beanstalkd'
  const log = persistent ? `-b ${folder} -f ${syncEvery} ` : ''
  const running = service('beanstalkd')
  return [
    ...packages('beanstalkd'),
    directory(folder, { owner: 'beanstalkd', group: 'beanstalkd', mode: '0750', user: 'root' }),
    file('/etc/default/beanstalkd', {
      content: `# Kept by Fettle.
BEANSTALKD_LISTEN_ADDR=${listen}
BEANSTALKD_LISTEN_PORT=${port}
BEANSTALKD_EXTRA="${log}-z ${maxJob}"
`,
      owner: 'root',
      group: 'root',
      mode: '0644',
      user: 'root',
      notify: restart(running),
    }),
    running,
  ]
}
