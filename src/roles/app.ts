import { dirname } from 'node:path'
import { type App, builderOf, describeApp, folderOf, userOf } from '../model/app.ts'
import type { AppOptions } from '../model/app-options.ts'
import { callerPosition } from '../model/position.ts'
import type { Resource } from '../model/resource.ts'
import { appKept } from '../resources/app.ts'
import { directory } from '../resources/directory.ts'
import { packages } from '../resources/package.ts'
import { user } from '../resources/user.ts'
import { packagesFor } from '../runtimes/runtimes.ts'

/** Describes an app: `app('shop', { source: './shop', domains: 'shop.example.com' }).on('web1', 'web2')`. */
export function app(name: string, options: AppOptions): App {
  const made: App = {
    ...describeApp(name, options),
    prepares: () => prepared(made),
    on: (...where) => ({ app: made, where, at: callerPosition() }),
  }
  return made
}

/** Who runs and builds it, and where; `fettle deploy` brings the rest. */
function prepared(app: App): Resource[] {
  const { name, at } = app
  const folder = folderOf(name)
  const [own, builder] = [userOf(name), builderOf(name)]
  return [
    ...packages(...new Set(['curl', ...packagesFor(app, at ? dirname(at.file) : '.')])),
    user(own, { home: `${folder}/data`, shell: '/usr/sbin/nologin', system: true }),
    user(builder, { home: `${folder}/build`, shell: '/usr/sbin/nologin', system: true }),
    // Trees are root's: neither who runs an app nor who builds the next one can change them.
    ...['', '/releases', '/trees'].map((each) =>
      directory(`${folder}${each}`, { owner: 'root', group: 'root', mode: '0755', user: 'root' }),
    ),
    directory(`${folder}/data`, { owner: own, group: own, mode: '0750', user: 'root' }),
    directory(`${folder}/build`, { owner: builder, group: builder, mode: '0755', user: 'root' }),
    // The last one, so that it goes first: nothing runs and nothing is in those folders any more.
    appKept(name),
  ]
}
