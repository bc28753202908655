import { expect, test } from 'vitest'
import { parseStats } from './socket.ts'

const head =
  '# pxname,svname,qcur,qmax,scur,smax,slim,stot,econ,eresp,status,check_status,hrsp_5xx,rtime,ttime,'

test('each slot of the answer', () =>
  expect(
    parseStats(
      `${head}\napp-shop,web-1.example-12,1,2,3,4,5,600,7,8,UP 1/3,* L7OK,9,10,11,\napp-shop,web2-0,0,0,0,0,5,0,0,0,MAINT,,0,0,0,\n\n`,
    ),
  ).toEqual([
    {
      host: 'web-1.example',
      slot: 12,
      status: 'UP 1/3',
      current: 3,
      queue: 1,
      requests: 600,
      answered: 9,
      responses5xx: 9,
      connectionErrors: 7,
      responseErrors: 8,
      checkStatus: '* L7OK',
      responseTime: 10,
      totalTime: 11,
    },
    expect.objectContaining({ host: 'web2', slot: 0, status: 'MAINT', checkStatus: '' }),
  ]))

test.each(['', "Can't find <app-shop>.\n", 'socat: connection refused'])('no answer: %j', (said) =>
  expect(() => parseStats(said)).toThrow(said.trim() || 'does not answer'),
)
