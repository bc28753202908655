import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { kernelModule } from '../../../src/resources/kernel-module.ts'
import { holding, noFile } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const bridge = kernelModule('br_netfilter')
const kvm = kernelModule('kvm_intel', { options: { nested: 1 } })
const noModule = { atBoot: noFile, settings: noFile, module: 'known', users: 0, container: false }
const hasModule = {
  ...noModule,
  atBoot: holding('# Kept by Fettle.\nbr_netfilter\n'),
  module: 'loaded',
}

export const table: Table = {
  wanted: bridge,
  nothing: noModule,
  there: hasModule,
  rows(row) {
    expect(row(bridge, noModule, { after: hasModule })).toMatchInlineSnapshot(`
      "create kernel-module:br_netfilter: load it, load it at boot
        or fails: there is no module br_netfilter for this kernel
        modprobe br_netfilter
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-br_netfilter.conf root:root 0644"
    `)
    expect(row(bridge, { ...hasModule, module: 'known' }, { after: hasModule }))
      .toMatchInlineSnapshot(`
      "change kernel-module:br_netfilter: load it
        or fails: there is no module br_netfilter for this kernel
        modprobe br_netfilter"
    `)
    expect(row(bridge, { ...hasModule, atBoot: noFile }, { after: hasModule }))
      .toMatchInlineSnapshot(`
      "create kernel-module:br_netfilter: load it at boot
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-br_netfilter.conf root:root 0644"
    `)
    expect(row(bridge, { ...noModule, module: 'unknown' })).toMatchInlineSnapshot(`
      "change kernel-module:br_netfilter: there is no module br_netfilter for this kernel
        or fails: there is no module br_netfilter for this kernel
        modprobe br_netfilter
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-br_netfilter.conf root:root 0644"
    `)
    expect(
      row(bridge, { ...noModule, module: 'unknown' }, { context: opaque }),
    ).toMatchInlineSnapshot(
      `"unknown kernel-module:br_netfilter: load it, once package:x has brought it"`,
    )
    expect(row(bridge, { ...noModule, container: true })).toMatchInlineSnapshot(`
      "create kernel-module:br_netfilter: load it at boot (files only: a container has the modules of its host)
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-br_netfilter.conf root:root 0644"
    `)
    expect(row(kvm, noModule)).toMatchInlineSnapshot(`
      "create kernel-module:kvm_intel: load it, load it at boot, options nested=1
        or fails: there is no module kvm_intel for this kernel
        mkdir -p /etc/modprobe.d
        write /etc/modprobe.d/fettle-kvm_intel.conf root:root 0644
        modprobe kvm_intel
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-kvm_intel.conf root:root 0644"
    `)
    expect(row(kvm, { ...noModule, module: 'loaded' })).toMatchInlineSnapshot(`
      "create kernel-module:kvm_intel: load it at boot, options nested=1, when it is loaded next
        mkdir -p /etc/modprobe.d
        write /etc/modprobe.d/fettle-kvm_intel.conf root:root 0644
        mkdir -p /etc/modules-load.d
        write /etc/modules-load.d/fettle-kvm_intel.conf root:root 0644"
    `)
    expect(row(kvm, { ...noModule, module: 'built-in' })).toMatchInlineSnapshot(`
      "change kernel-module:kvm_intel: kvm_intel is built into this kernel, so its options belong on the command line of the kernel
        fails: kvm_intel is built into this kernel, so its options belong on the command line of the kernel"
    `)
    expect(row(absent(bridge), hasModule, { after: noModule })).toMatchInlineSnapshot(`
      "remove kernel-module:br_netfilter: not at boot, unload it
        modprobe -r br_netfilter
        rm -f /etc/modules-load.d/fettle-br_netfilter.conf"
    `)
    expect(row(absent(bridge), { ...hasModule, users: 2 })).toMatchInlineSnapshot(`
      "remove kernel-module:br_netfilter: not at boot, it stays loaded, as it is in use
        rm -f /etc/modules-load.d/fettle-br_netfilter.conf"
    `)
  },
}
