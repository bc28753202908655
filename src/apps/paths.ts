import { folderOf } from '../model/app.ts'

/**
 * Where an app lives on each of its hosts:
 *
 *     /srv/shop/                root's
 *       trees/3f2a1b9c4d5e/     the files of one commit, built; never changed again
 *       trees/3f2a1b9c4d5e.source/   its files as they were sent; what the next one shares with it
 *       trees/3f2a1b9c4d5e.files     their hashes
 *       releases/3f2a1b9c4d5e.a1b2c3/   one tree with one configuration
 *         tree -> ../../trees/3f2a1b9c4d5e
 *         env                   what its processes find in their environment; root's alone
 *         web, release...       the scripts of its processes; `.exec` that of any other command
 *       build/                  home of the build user: caches
 *       data/                   home of the app's user: what survives releases
 */
export const treesOf = (app: string): string => `${folderOf(app)}/trees`
export const releasesOf = (app: string): string => `${folderOf(app)}/releases`
export const dataOf = (app: string): string => `${folderOf(app)}/data`
export const buildHomeOf = (app: string): string => `${folderOf(app)}/build`

export const releaseFolderOf = (app: string, release: string): string =>
  `${releasesOf(app)}/${release}`
