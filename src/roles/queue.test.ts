import { describe, expect, test } from 'vitest'
import { planned } from '../../test/lab/converges.ts'
import { bootForFile, labAvailable } from '../../test/lab/fixture.ts'
import { settle } from '../../test/lab/settle.ts'
import { absent } from '../model/resource.ts'
import { packages } from '../resources/package.ts'
import { queue } from './queue.ts'

describe.skipIf(!labAvailable)('on a host', () => {
  const hosts = bootForFile()

  test('from nothing; jobs outlive a restart; changed by hand; and gone', async () => {
    const [host] = hosts()
    const say = async (words: string): Promise<string> =>
      (
        await host!.exec(
          `bash -c 'exec 3<>/dev/tcp/127.0.0.1/11300 && printf "${words}quit\\r\\n" >&3 && cat <&3' 2>&1`,
        )
      ).output
    const all = queue()
    await settle(host!, all)
    expect(await planned(host!, all)).toEqual([])
    expect(await say('put 1 0 60 5\\r\\nhello\\r\\n')).toMatch(/^INSERTED 1/)
    await host!.exec('systemctl restart beanstalkd')
    expect(await say('reserve-with-timeout 2\\r\\ndelete 1\\r\\n')).toMatch(
      /^RESERVED 1 5\r\nhello\r\nDELETED/,
    )
    const listening = await host!.exec('ss -Hltn "sport = :11300" | tr -s " " | cut -d" " -f4')
    expect(listening.output).toBe('127.0.0.1:11300\n')

    await host!.exec(
      'echo BEANSTALKD_LISTEN_ADDR=0.0.0.0 > /etc/default/beanstalkd; chmod 777 /var/lib/beanstalkd',
    )
    expect((await settle(host!, all)).made).toEqual([
      'directory:/var/lib/beanstalkd',
      'file:/etc/default/beanstalkd',
      'restart service:beanstalkd',
    ])
    expect(await planned(host!, all)).toEqual([])
    await settle(host!, queue({ maxJob: 10 }))
    expect(await say('put 1 0 60 11\\r\\nhello world\\r\\n')).toMatch(/^JOB_TOO_BIG/)

    const gone = absent(packages(['beanstalkd'], { purge: true }))
    await settle(host!, gone)
    expect(await planned(host!, gone)).toEqual([])
  }, 120_000)
})
