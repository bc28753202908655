# Everything that the web role is about and what may come along with it, for comparing to the byte.
# Left out: times, process numbers, inode numbers.
homes=$(printf '/home/%s ' deploy alice bob carol dave)
trees="/srv /var/www /etc/webapp /etc/nginx /etc/motd /etc/logrotate.d /etc/cron.d /etc/sysctl.d
  /etc/systemd/system $homes"
find $trees -printf '%p %y %m %u %g %l\n' | LC_ALL=C sort
find $trees -type f -exec sha256sum {} + | LC_ALL=C sort -k 2
cat /etc/passwd /etc/group
for each in deploy alice bob carol dave; do getent shadow "$each" | cut -d: -f 1,2,4-; done
dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n'
systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload \
  nginx web-worker web-scheduler web-metrics cron
sysctl net.core.somaxconn net.ipv4.ip_local_port_range net.ipv4.tcp_fin_timeout \
  net.ipv4.tcp_slow_start_after_idle
nginx -T 2>/dev/null | sha256sum
