import { expect } from 'vitest'
import { absent } from '../../../src/model/resource.ts'
import { firewall } from '../../../src/resources/firewall.ts'
import { allow } from '../../../src/resources/firewall-rules.ts'
import { holding, noFile, written } from '../doings.ts'
import { type Table, opaque } from '../dry-run.ts'

const walls = firewall({ rules: [allow({ port: [22, 80] })] })
const noWalls = {
  there: true,
  file: noFile,
  unit: noFile,
  dropIn: noFile,
  enabled: false,
  active: false,
  live: undefined,
  loaded: undefined,
  shutsOut: undefined,
}
const [file, unit, dropIn] = [
  '/etc/nftables.d/fettle.nft',
  '/etc/systemd/system/fettle-firewall.service',
  '/etc/systemd/system/nftables.service.d/fettle.conf',
].map(written(walls, noWalls))
const up = {
  ...noWalls,
  file,
  unit,
  dropIn,
  enabled: true,
  active: true,
  live: 'rules\n',
  loaded: 'rules\n',
}

export const table: Table = {
  wanted: walls,
  nothing: noWalls,
  there: up,
  rows(row) {
    expect(row(walls, noWalls, { after: up })).toMatchInlineSnapshot(`
      "create firewall:fettle: drop all but 1 rule, its unit, enabled, started
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p /etc/nftables.d
        write /etc/nftables.d/fettle.nft root:root 0644
        mkdir -p /etc/systemd/system
        write /etc/systemd/system/fettle-firewall.service root:root 0644
        mkdir -p /etc/systemd/system/nftables.service.d
        write /etc/systemd/system/nftables.service.d/fettle.conf root:root 0644
        systemctl daemon-reload
        systemctl -q enable fettle-firewall.service
        systemctl start fettle-firewall.service
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...noWalls, there: false })).toMatchInlineSnapshot(`
      "change firewall:fettle: there is no nft here (package nftables)
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p /etc/nftables.d
        write /etc/nftables.d/fettle.nft root:root 0644
        mkdir -p /etc/systemd/system
        write /etc/systemd/system/fettle-firewall.service root:root 0644
        mkdir -p /etc/systemd/system/nftables.service.d
        write /etc/systemd/system/nftables.service.d/fettle.conf root:root 0644
        systemctl daemon-reload
        systemctl -q enable fettle-firewall.service
        systemctl start fettle-firewall.service
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...noWalls, there: false }, { context: opaque })).toMatchInlineSnapshot(
      `"unknown firewall:fettle: drop all but 1 rule, once package:x has brought nft"`,
    )
    expect(row(walls, { ...up, file: holding('x') }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: drop all but 1 rule
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p /etc/nftables.d
        write /etc/nftables.d/fettle.nft root:root 0644
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...up, live: 'other\n' }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: load the rules again, as they were changed in the kernel
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...up, live: undefined }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: load the rules
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...up, loaded: undefined }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: load the rules, as nobody knows which ones are in the kernel
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...up, enabled: false, active: false }, { after: up }))
      .toMatchInlineSnapshot(`
        "change firewall:fettle: enabled, started, which loads the rules again
          or fails: there is no nft here (package nftables)
          systemctl -q enable fettle-firewall.service
          systemctl start fettle-firewall.service
          mkdir -p -m 0700 /var/lib/fettle
          mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
      `)
    expect(row(walls, { ...up, enabled: false }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: enabled
        or fails: there is no nft here (package nftables)
        systemctl -q enable fettle-firewall.service"
    `)
    expect(row(walls, { ...up, active: false }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: started, which loads the rules again
        or fails: there is no nft here (package nftables)
        systemctl start fettle-firewall.service
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    const closed = { ...file, mode: '600' }
    expect(row(walls, { ...up, file: closed }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: mode 0600 -> 0644
        or fails: there is no nft here (package nftables)
        mkdir -p /etc/nftables.d
        write /etc/nftables.d/fettle.nft root:root 0644"
    `)
    expect(row(walls, { ...up, file: closed, live: 'other\n' }, { after: up }))
      .toMatchInlineSnapshot(`
      "change firewall:fettle: mode 0600 -> 0644, load the rules again, as they were changed in the kernel
        or fails: there is no nft here (package nftables)
        nft -f "$stage/rules"
        mkdir -p /etc/nftables.d
        write /etc/nftables.d/fettle.nft root:root 0644
        mkdir -p -m 0700 /var/lib/fettle
        mv -fT /var/lib/fettle/firewall.new /var/lib/fettle/firewall"
    `)
    expect(row(walls, { ...up, unit: noFile }, { after: up })).toMatchInlineSnapshot(`
      "change firewall:fettle: its unit
        or fails: there is no nft here (package nftables)
        mkdir -p /etc/systemd/system
        write /etc/systemd/system/fettle-firewall.service root:root 0644
        systemctl daemon-reload"
    `)
    expect(row(absent(walls), up, { after: noWalls })).toMatchInlineSnapshot(`
      "remove firewall:fettle: its rules in the kernel, its files
        systemctl -q disable --now fettle-firewall.service
        rm -f /etc/nftables.d/fettle.nft /etc/systemd/system/fettle-firewall.service /etc/systemd/system/nftables.service.d/fettle.conf /var/lib/fettle/firew…
        rmdir --ignore-fail-on-non-empty /etc/systemd/system/nftables.service.d
        systemctl daemon-reload
        nft delete table inet fettle"
    `)
  },
}
