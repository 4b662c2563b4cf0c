# Sources of others: what of each is compiled, and how. They are fetched into build/third_party (third_party/sources.lock).

THIRD_PARTY := lwip musl bearssl

# lwIP, configured by netsrv/lwip/lwipopts.h
lwip_INCLUDES := -Inetsrv/lwip -isystem build/third_party/lwip/src/include
lwip_FILES := $(addprefix core/,altcp altcp_alloc altcp_tcp def dns inet_chksum init ip mem memp netif pbuf raw stats sys tcp tcp_in \
                  tcp_out timeouts udp) \
              $(addprefix core/ipv4/,acd autoip dhcp etharp icmp igmp ip4 ip4_addr ip4_frag) \
              $(addprefix core/ipv6/,dhcp6 ethip6 icmp6 inet6 ip6 ip6_addr ip6_frag mld6 nd6) \
              netif/ethernet apps/lwiperf/lwiperf apps/sntp/sntp $(addprefix apps/mdns/,mdns mdns_domain mdns_out)
lwip_SRCS := $(lwip_FILES:%=build/third_party/lwip/src/%.c)

# BearSSL: only what a random generator needs
bearssl_INCLUDES := -isystem build/third_party/bearssl/inc -isystem third_party/bearssl
bearssl_CFLAGS := -Ibuild/third_party/bearssl/src
bearssl_SRCS := $(addprefix build/third_party/bearssl/src/,symcipher/chacha20_ct.c hash/sha2small.c codec/dec32be.c codec/enc32be.c)
