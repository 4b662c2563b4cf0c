/* net_status, connections, devices */
#include "jarvis/tool.h"
#include "jarvis/operations.h"
#include "jarvis/values.h"
#include <stdio.h>
#include <string.h>

static const char *ipv4_text(char *out, const uint8_t a[4])
{
    snprintf(out, UNIT_TEXT, "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
    return out;
}

static unsigned mask_prefix(const uint8_t mask[4])
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 32; i++)
        bits += mask[i / 8] >> (i % 8) & 1;
    return bits;
}

static bool is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

static const char *const source_keys[] = {"none", "dhcp", "fixed", "link_local"}; /* in JSON */
static const char *source_name(const struct answer *out, uint8_t configured)
{
    static const char *const names[LANGUAGES][4] = {
        {"no address yet", "by DHCP", "fixed", "link-local, no DHCP server answers"},
        {"pas encore d'adresse", "par DHCP", "fixe", "locale au lien, aucun serveur DHCP ne répond"}};
    return names[out->language][configured & 3];
}

static void say_address(struct answer *out, const struct net_status *s)
{
    char ip[UNIT_TEXT], gateway[UNIT_TEXT];
    if (s->configured == 0)
        say(out, s->link_up ? T(out, "I have no address yet; I am asking for one.\n",
                                "Je n'ai pas encore d'adresse ; j'en demande une.\n")
                            : T(out, "The link is down: no network.\n", "Le lien est coupé : pas de réseau.\n"));
    else
        say(out, T(out, "My address is %s/%u (%s), gateway %s.\n", "Mon adresse est %s/%u (%s), passerelle %s.\n"),
            ipv4_text(ip, s->ipv4), mask_prefix(s->mask), source_name(out, s->configured),
            is_zero(s->gateway, 4) ? T(out, "none", "aucune") : ipv4_text(gateway, s->gateway));
}

/* The one thing that was asked for, first. */
static void say_net_focus(struct answer *out, uint8_t focus, const struct net_status *s)
{
    char text[UNIT_TEXT], host[sizeof s->hostname + 1] = {0};
    memcpy(host, s->hostname, sizeof s->hostname);
    if (focus == C_GATEWAY && !is_zero(s->gateway, 4))
        say(out, T(out, "The gateway is %s.\n", "La passerelle est %s.\n"), ipv4_text(text, s->gateway));
    if (focus == C_NETMASK)
        say(out, T(out, "The mask is %s.\n", "Le masque est %s.\n"), ipv4_text(text, s->mask));
    if (focus == C_MAC)
        say(out,
            T(out, "The card's address is %02x:%02x:%02x:%02x:%02x:%02x.\n",
              "L'adresse de la carte est %02x:%02x:%02x:%02x:%02x:%02x.\n"),
            s->mac[0], s->mac[1], s->mac[2], s->mac[3], s->mac[4], s->mac[5]);
    if (focus == C_DNS && !is_zero(s->dns[0], 4))
        say(out, T(out, "Names are resolved by %s.\n", "Les noms sont résolus par %s.\n"), ipv4_text(text, s->dns[0]));
    if ((focus == C_LINK || focus == C_ONLINE) && s->link_up)
        say(out, T(out, "Yes, the link is up.\n", "Oui, le lien est actif.\n"));
    if (focus == C_IPV6 && is_zero(s->ipv6[0], 16))
        say(out, T(out, "I have no IPv6 address.\n", "Je n'ai pas d'adresse IPv6.\n"));
    if (focus == C_HOSTNAME && host[0])
        say(out, T(out, "This machine is called %s.\n", "Cette machine s'appelle %s.\n"), host);
}

static void put_ipv4(struct sheet *sheet, const char *key, const char *label, const uint8_t a[4])
{
    char text[UNIT_TEXT];
    if (is_zero(a, 4) && !sheet->out->json)
        return;
    sheet_label(sheet, key, label);
    put_text(sheet, is_zero(a, 4) ? "" : ipv4_text(text, a));
}

static void put_ipv6(struct sheet *sheet, const struct net_status *s)
{
    static const char *const keys[] = {"ipv6", "ipv6_2", "ipv6_3"};
    char text[48];
    for (unsigned i = 0; i < 3; i++) {
        if (is_zero(s->ipv6[i], 16))
            continue;
        sheet_label(sheet, keys[i], "IPv6");
        put_text(sheet, address_text(text, s->ipv6[i]));
    }
}

static void put_traffic(struct sheet *sheet, const struct net_status *s)
{
    struct answer *out = sheet->out;
    char a[UNIT_TEXT], b[UNIT_TEXT];
    const struct {
        const char *key;
        uint64_t value;
    } numbers[] = {{"rx_packets", s->rx_packets}, {"tx_packets", s->tx_packets}, {"rx_bytes", s->rx_bytes},
                   {"tx_bytes", s->tx_bytes},     {"rx_dropped", s->rx_dropped}, {"tx_dropped", s->tx_dropped}};
    for (size_t i = 0; out->json && i < sizeof numbers / sizeof numbers[0]; i++) {
        sheet_label(sheet, numbers[i].key, NULL);
        put_number(sheet, numbers[i].value);
    }
    if (out->json)
        return;
    sheet_label(sheet, NULL, T(out, "Received", "Reçu"));
    put_format(sheet, T(out, "%lu packets, %s, %u dropped", "%lu paquets, %s, %u perdus"), (unsigned long)s->rx_packets,
               size_text(a, s->rx_bytes, out->language), s->rx_dropped);
    sheet_label(sheet, NULL, T(out, "Sent", "Envoyé"));
    put_format(sheet, T(out, "%lu packets, %s, %u dropped", "%lu paquets, %s, %u perdus"), (unsigned long)s->tx_packets,
               size_text(b, s->tx_bytes, out->language), s->tx_dropped);
}

static void put_interface(struct sheet *sheet, const struct net_status *s)
{
    struct answer *out = sheet->out;
    char name[sizeof s->name + 1] = {0}, driver[sizeof s->driver + 1] = {0}, host[sizeof s->hostname + 1] = {0};
    memcpy(name, s->name, sizeof s->name);
    memcpy(driver, s->driver, sizeof s->driver);
    memcpy(host, s->hostname, sizeof s->hostname);
    sheet_label(sheet, "interface", "Interface");
    put_text(sheet, name);
    sheet_label(sheet, "driver", T(out, "Driver", "Pilote"));
    put_text(sheet, driver);
    sheet_label(sheet, "mac", "MAC");
    put_format(sheet, "%02x:%02x:%02x:%02x:%02x:%02x", s->mac[0], s->mac[1], s->mac[2], s->mac[3], s->mac[4],
               s->mac[5]);
    sheet_label(sheet, "link_up", T(out, "Link up", "Lien actif"));
    put_yes(sheet, s->link_up);
    if (host[0]) {
        sheet_label(sheet, "hostname", T(out, "Host name", "Nom d'hôte"));
        put_text(sheet, host);
    }
}

static void put_lease(struct sheet *sheet, const struct net_status *s)
{
    struct answer *out = sheet->out;
    if (s->configured != 1 || !s->lease_seconds)
        return;
    sheet_label(sheet, out->json ? "lease_ns" : NULL, T(out, "DHCP lease", "Bail DHCP"));
    put_time(sheet, (uint64_t)s->lease_seconds * 1000000000u);
}

status_t tool_net_status(struct call *call)
{
    struct net_status_request ask = {0};
    struct net_status s;
    struct answer *out = call->out;
    status_t status = world_call(call->authority->caps[CAP_NETSRV], NET_STATUS, &ask, sizeof ask, &s, sizeof s);
    if (status != OK)
        return call_failed(call, CAP_NETSRV, status);
    say_net_focus(out, call->clause->focus, &s);
    say_address(out, &s);
    struct sheet *sheet = sheet_facts(out, "net_status");
    put_interface(sheet, &s);
    put_ipv4(sheet, "address", T(out, "Address", "Adresse"), s.ipv4);
    put_ipv4(sheet, "mask", T(out, "Mask", "Masque"), s.mask);
    put_ipv4(sheet, "gateway", T(out, "Gateway", "Passerelle"), s.gateway);
    put_ipv4(sheet, "dns", "DNS", s.dns[0]);
    if (!is_zero(s.dns[1], 4))
        put_ipv4(sheet, "dns_2", "DNS", s.dns[1]);
    put_ipv6(sheet, &s);
    sheet_label(sheet, "configured", T(out, "Configured", "Configuration"));
    put_text(sheet, out->json ? source_keys[s.configured & 3] : source_name(out, s.configured));
    put_lease(sheet, &s);
    put_traffic(sheet, &s);
    sheet_label(sheet, "connections", T(out, "Connections", "Connexions"));
    put_number(sheet, s.connections);
    sheet_end(sheet);
    return OK;
}

/* ---- connections ---- */

/* RFC 793's states as lwIP numbers them */
static const char *tcp_state(const struct answer *out, uint8_t state)
{
    static const char *const names[LANGUAGES][11] = {
        {"closed", "listening", "connecting", "being opened", "established", "closing (fin wait 1)",
         "closing (fin wait 2)", "half closed by peer", "closing", "closing (last ack)", "time wait"},
        {"fermée", "écoute", "se connecte", "s'ouvre", "établie", "se ferme (fin wait 1)", "se ferme (fin wait 2)",
         "à moitié fermée par le pair", "se ferme", "se ferme (last ack)", "attente finale"}};
    return state < 11 ? names[out->language][state] : "?";
}

static const char *port_use(uint16_t port)
{
    static const struct {
        uint16_t port;
        const char *use;
    } uses[] = {{2323, "console"}, {2324, "agent"}, {2325, "trace"}, {7, "echo"},
                {9, "discard"},    {19, "chargen"}, {5001, "iperf"}};
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++)
        if (uses[i].port == port)
            return uses[i].use;
    return "";
}

struct filter {
    uint32_t port; /* 0: any */
    bool by_host;
    uint8_t host[4];
    unsigned shown, listening;
};

static bool passes(const struct filter *filter, const struct net_connection *c)
{
    if (filter->port && c->local_port != filter->port && c->remote_port != filter->port)
        return false;
    return !filter->by_host || memcmp(c->remote + 12, filter->host, 4) == 0;
}

static void connection_row(struct sheet *sheet, const struct net_connection *c)
{
    char remote[48];
    bool listens = c->state == 1;
    put_text(sheet, "tcp");
    put_number(sheet, c->local_port);
    put_text(sheet, port_use(c->local_port));
    if (listens)
        put_text(sheet, sheet->out->json ? "" : "-");
    else if (is_zero(c->remote, 10) || sheet->out->json)
        put_format(sheet, "%s:%u", address_text(remote, c->remote), c->remote_port);
    else
        put_format(sheet, "[%s]:%u", address_text(remote, c->remote), c->remote_port);
    put_text(sheet, tcp_state(sheet->out, c->state));
}

static void page_rows(struct sheet *sheet, struct filter *filter, const struct net_connection_list *page)
{
    for (uint32_t i = 0; i < page->count; i++) {
        const struct net_connection *c = &page->connections[i];
        if (!passes(filter, c))
            continue;
        filter->shown++;
        filter->listening += c->state == 1;
        connection_row(sheet, c);
    }
}

static void filter_read(const struct call *call, struct filter *filter)
{
    const char *host = call_slot(call, SLOT_host);
    *filter = (struct filter){.port = clause_number(call->request, call->clause, SLOT_port, 0)};
    filter->by_host = host && value_ipv4(host, strlen(host), filter->host);
}

static void say_connections(struct answer *out, const struct filter *filter)
{
    if (filter->shown == 0 && filter->port)
        say(out,
            T(out, "Port %u is not open, and no connection uses it.\n",
              "Le port %u n'est pas ouvert, et aucune connexion ne l'utilise.\n"),
            filter->port);
    else if (filter->shown == 0)
        say(out, T(out, "None.\n", "Aucune.\n"));
    else if (filter->port && filter->listening)
        say(out, T(out, "Port %u is open; connections on it: %u.\n", "Le port %u est ouvert ; connexions : %u.\n"),
            filter->port, filter->shown - filter->listening);
    else
        say(out, T(out, "Connections: %u; open ports: %u.\n", "Connexions : %u ; ports ouverts : %u.\n"),
            filter->shown - filter->listening, filter->listening);
}

#define CONNECTIONS_SHOWN 160u

status_t tool_connections(struct call *call)
{
    static const struct column columns[] = {/* listeners have no peer */
                                            {"proto", "Proto", "Proto", false},
                                            {"port", "Port", "Port", true},
                                            {"use", "For", "Pour", false},
                                            {"remote", "Peer", "Pair", false},
                                            {"state", "State", "État", false}};
    struct net_connections ask = {0};
    struct net_connection_list page = {.total = 1};
    struct filter filter;
    const char *proto = call_slot(call, SLOT_proto);
    if (proto && strcmp(proto, "udp") == 0) {
        answer_error(call->out, "not_supported", "%s",
                     T(call->out, "Only TCP connections are listed in this version.",
                       "Seules les connexions TCP sont listées dans cette version."));
        return ERR_NOT_SUPPORTED;
    }
    filter_read(call, &filter);
    status_t status = OK;
    struct sheet *sheet = NULL;
    for (; ask.first < page.total && filter.shown < CONNECTIONS_SHOWN; ask.first += page.count) {
        status = world_call(call->authority->caps[CAP_NETSRV], NET_CONNECTIONS, &ask, sizeof ask, &page, sizeof page);
        if (status == OK && page.count > sizeof page.connections / sizeof page.connections[0])
            status = ERR_BAD_MESSAGE;
        if (status != OK && !sheet)
            return call_failed(call, CAP_NETSRV, status);
        if (status != OK)
            break; /* what came before stays shown */
        if (!sheet)
            sheet = sheet_table(call->out, "connections", columns, 5);
        if (page.count == 0)
            break;
        page_rows(sheet, &filter, &page);
    }
    say_connections(call->out, &filter);
    if (filter.shown || call->out->json)
        sheet_end(sheet);
    return OK;
}
