import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { sysctl } from '../../../src/resources/sysctl.ts'
import { holding, noFile } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const swappiness = sysctl('vm.swappiness', 10)
const noSetting = { file: noFile, live: '60', ours: true }
const setFile = holding('# Kept by Fettle.\nvm.swappiness = 10\n')
const isSet = { file: setFile, live: '10', ours: true }

export const table: Table = {
  wanted: swappiness,
  nothing: noSetting,
  there: isSet,
  rows(row) {
    expect(row(swappiness, noSetting, { after: isSet })).toMatchInlineSnapshot(`
      "create sysctl:vm.swappiness: 60 -> 10
        or fails: this kernel has no vm.swappiness: load the module that brings it first
        printf '%s ' 10 > /proc/sys/vm/swappiness
        or fails: the kernel does not take 10 for vm.swappiness
        write /etc/sysctl.d/99-fettle-vm.swappiness.conf root:root 0644"
    `)
    expect(row(swappiness, { ...isSet, live: '60' }, { after: isSet })).toMatchInlineSnapshot(`
      "change sysctl:vm.swappiness: 60 -> 10
        or fails: this kernel has no vm.swappiness: load the module that brings it first
        printf '%s ' 10 > /proc/sys/vm/swappiness
        or fails: the kernel does not take 10 for vm.swappiness"
    `)
    expect(row(swappiness, { ...isSet, file: noFile }, { after: isSet })).toMatchInlineSnapshot(`
      "create sysctl:vm.swappiness: 10 (for the next boot)
        or fails: this kernel has no vm.swappiness: load the module that brings it first
        printf '%s ' 10 > /proc/sys/vm/swappiness
        or fails: the kernel does not take 10 for vm.swappiness
        write /etc/sysctl.d/99-fettle-vm.swappiness.conf root:root 0644"
    `)
    expect(row(swappiness, { ...noSetting, ours: false })).toMatchInlineSnapshot(`
      "create sysctl:vm.swappiness: 10 (file only: this kernel is not ours to set)
        write /etc/sysctl.d/99-fettle-vm.swappiness.conf root:root 0644"
    `)
    expect(row(swappiness, { ...noSetting, live: undefined })).toMatchInlineSnapshot(`
      "change sysctl:vm.swappiness: this kernel has no vm.swappiness
        or fails: this kernel has no vm.swappiness: load the module that brings it first
        printf '%s ' 10 > /proc/sys/vm/swappiness
        or fails: the kernel does not take 10 for vm.swappiness
        write /etc/sysctl.d/99-fettle-vm.swappiness.conf root:root 0644"
    `)
    expect(
      row(swappiness, { ...noSetting, live: undefined }, { context: opaque }),
    ).toMatchInlineSnapshot(`"unknown sysctl:vm.swappiness: 10, once package:x has brought it"`)
    expect(row(absent(swappiness), isSet, { after: { ...isSet, file: noFile } }))
      .toMatchInlineSnapshot(`
      "remove sysctl:vm.swappiness: its file; it stays 10 until the next boot
        rm -f /etc/sysctl.d/99-fettle-vm.swappiness.conf"
    `)
  },
}
