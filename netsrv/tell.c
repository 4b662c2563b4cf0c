/* Events for the trace: see tell.h. */
#include "netsrv/tell.h"

#include <lib/runtime.h>
#include <lwip/pbuf.h>
#include <string.h>
#include <lwip/priv/tcp_priv.h>
#include "netsrv/lwip/lwip_hooks.h"
#include "netsrv/port.h"

#define ETHERNET_BYTES 14u
#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu
#define IPV6_BYTES 40u

/* Packets of one flow are one event: one each cost 6 to 10 % of all instructions. */
struct flow {
    uint64_t rest; /* ports and protocol of the event */
    uint32_t bytes, count;
};
#define FLOW_PACKETS_MAX 256u
#define FLOWS 8u           /* in each direction; two that want the same place push each other out */
#define HOLD_NS 4000000ull /* then it is told; the loop's second look comes twice as late at most */

static struct {
    struct flow flows[2 * FLOWS]; /* in, then out */
    uint32_t held;                /* bit i: flows[i] has something */
    uint64_t held_ns;             /* since when */
    struct tcp_pcb *input;        /* the last packet was for this one; NULL: none, or it is gone */
    uint64_t ports;
    uint32_t again; /* payload of the segment that is on its way for a second time; 0: it is a new one */
} self;

/* ---- packets ---- */

static uint16_t word_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* Ports lie at the same place in TCP and UDP; a later fragment has none. */
static void read_ports(struct packet_facts *facts, const uint8_t *frame, size_t there, size_t at)
{
    uint8_t protocol = (uint8_t)facts->protocol;
    if ((protocol != IP_PROTO_TCP && protocol != IP_PROTO_UDP) || there < at + 4)
        return;
    facts->source = word_at(frame + at);
    facts->target = word_at(frame + at + 2);
}

static void read_ip4(struct packet_facts *facts, const uint8_t *frame, size_t there)
{
    if (there < ETHERNET_BYTES + 20)
        return;
    const uint8_t *ip = frame + ETHERNET_BYTES; /* RFC 791 §3.1 */
    facts->protocol |= ip[9];
    if ((word_at(ip + 6) & 0x1fff) == 0)
        read_ports(facts, frame, there, ETHERNET_BYTES + (ip[0] & 15u) * 4u);
}

struct packet_facts packet_read(const uint8_t *frame, size_t there)
{
    struct packet_facts facts = {0};
    if (there < ETHERNET_BYTES)
        return facts;
    uint16_t type = word_at(frame + 12);
    facts.protocol = (uint32_t)type << 16;
    if (type == ETHERTYPE_IPV4) {
        read_ip4(&facts, frame, there);
    } else if (type == ETHERTYPE_IPV6 && there >= ETHERNET_BYTES + IPV6_BYTES) {
        facts.protocol |= frame[ETHERNET_BYTES + 6]; /* RFC 8200 §3; an extension header counts as the protocol */
        read_ports(&facts, frame, there, ETHERNET_BYTES + IPV6_BYTES);
    }
    return facts;
}

static void flow_tell(unsigned i)
{
    struct flow *flow = &self.flows[i];
    trace_tell(i < FLOWS ? TRACE_NetPacketIn : TRACE_NetPacketOut, flow->bytes,
               flow->rest | (uint64_t)(flow->count - 1) << 8);
    flow->count = flow->bytes = 0;
    self.held &= ~(1u << i);
}

static void flow_begin(unsigned i, uint64_t rest, uint32_t count, uint32_t bytes)
{
    if (self.held >> i & 1)
        flow_tell(i);
    if (!self.held)
        self.held_ns = port_now();
    self.held |= 1u << i;
    self.flows[i] = (struct flow){rest, bytes, count};
}

static inline void flow_add(unsigned first, uint64_t rest, uint32_t count, uint32_t bytes)
{
    unsigned i = first + (unsigned)((rest >> 32 ^ rest >> 48) % FLOWS);
    struct flow *flow = &self.flows[i];
    if (!flow->count || flow->rest != rest || flow->count + count > FLOW_PACKETS_MAX) {
        flow_begin(i, rest, count, bytes);
        return;
    }
    flow->count += count;
    flow->bytes += bytes;
}

static void tell_held(void)
{
    while (self.held)
        flow_tell((unsigned)__builtin_ctz(self.held));
}

void tell_turn(void)
{
    if (self.held && port_now() - self.held_ns >= HOLD_NS)
        tell_held();
}

/* Most packets are IPv4 without options, whole, with TCP or UDP inside: their ports, the sender's first; 0: any other. */
static inline uint32_t usual_ports(const uint8_t *frame, size_t there)
{
    uint16_t type, fragment;
    uint32_t ports;
    if (there < ETHERNET_BYTES + 24)
        return 0;
    memcpy(&type, frame + 12, 2);
    memcpy(&fragment, frame + 20, 2);
    memcpy(&ports, frame + 34, 4);
    bool usual = type == PP_HTONS(ETHERTYPE_IPV4) && frame[14] == 0x45 && !(fragment & PP_HTONS(0x1fff)) &&
                 (frame[23] == IP_PROTO_TCP || frame[23] == IP_PROTO_UDP);
    return usual ? __builtin_bswap32(ports) : 0;
}

void tell_received(const uint8_t *frame, size_t there, uint32_t packets, uint32_t bytes)
{
    uint32_t ports = usual_ports(frame, there);
    if (ports) {
        uint64_t turned = ports << 16 | ports >> 16;
        flow_add(0, turned << 32 | ETHERTYPE_IPV4 << 16 | frame[23], packets, bytes);
        return;
    }
    struct packet_facts facts = packet_read(frame, there);
    flow_add(0, (uint64_t)facts.target << 48 | (uint64_t)facts.source << 32 | facts.protocol, packets, bytes);
}

/* What goes out again, unless it waits for a neighbour's address and this is the question for that. */
static void tell_again(const struct pbuf *pbuf)
{
    struct packet_facts facts = packet_read(pbuf->payload, pbuf->len);
    if ((uint8_t)facts.protocol == IP_PROTO_TCP && self.ports == (facts.source | (uint64_t)facts.target << 32)) {
        tell_held();
        trace_tell(TRACE_TcpRetransmit, self.again, self.ports);
    }
    self.again = 0;
}

void tell_sent(const struct pbuf *pbuf)
{
    const uint8_t *frame = pbuf->payload;
    uint64_t ports = usual_ports(frame, pbuf->len);
    if (ports) {
        flow_add(FLOWS, ports << 32 | ETHERTYPE_IPV4 << 16 | frame[23], 1, pbuf->tot_len);
    } else {
        struct packet_facts facts = packet_read(frame, pbuf->len);
        flow_add(FLOWS, (uint64_t)facts.source << 48 | (uint64_t)facts.target << 32 | facts.protocol, 1, pbuf->tot_len);
    }
    if (self.again)
        tell_again(pbuf);
}

/* ---- connections ---- */

/* What was told of a control block, in the pointer that lwIP keeps for us: the state (one more, as 0 is "nothing"), and the
 * ports, which are not there any more when the block is freed. */
static void *noted(const struct tcp_pcb *pcb)
{
    uint64_t remote = pcb->state == LISTEN ? 0 : pcb->remote_port; /* a listening block ends before that field */
    return (void *)(remote << 32 | (uint64_t)pcb->local_port << 16 | ((uint64_t)pcb->state + 1));
}

static void say_state(uint32_t state, uint64_t note)
{
    tell_held(); /* the packets that led to it stand before it */
    trace_tell(TRACE_TcpState, state, (note >> 32) << 32 | (note >> 16 & 0xffff));
}

static void on_destroy(u8_t id, void *data)
{
    uint64_t note = (uint64_t)data;
    (void)id;
    self.input = NULL; /* it may be this one */
    if (note && (note & 0xffff) != CLOSED + 1)
        say_state(CLOSED, note);
}

static const struct tcp_ext_arg_callbacks callbacks = {.destroy = on_destroy};

static void state_changed(struct tcp_pcb *pcb)
{
    void *note = noted(pcb);
    if (pcb->state == CLOSED) /* without ports; on_destroy knows them */
        return;
    tcp_ext_arg_set(pcb, TELL_EXT_ARG, note);
    tcp_ext_arg_set_callbacks(pcb, TELL_EXT_ARG, &callbacks);
    say_state(pcb->state, (uint64_t)note);
}

static inline void look_at_state(const struct tcp_pcb *pcb)
{
    if ((uint16_t)(uint64_t)pcb->ext_args[TELL_EXT_ARG].data != pcb->state + 1u)
        state_changed((struct tcp_pcb *)pcb); /* lwIP's hook for output says const; the field is ours */
}

void tell_state(const struct tcp_pcb *pcb)
{
    look_at_state(pcb);
}

void tell_input_done(void)
{
    if (self.input)
        look_at_state(self.input);
    self.input = NULL;
}

/* ---- lwIP's hooks ---- */

/* Before lwIP looks at the packet: what it did is seen when it is done. */
void tell_tcp_input(struct tcp_pcb *pcb)
{
    self.input = pcb;
}

/* Begins before what was sent already. An acknowledgement and a keep-alive's probe hold nothing that could go out again; a
 * SYN does so only when lwIP has sent it before (it counts one as sent from the start). */
static void begins_before(const struct pbuf *pbuf, const struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
    uint32_t payload = pbuf->tot_len - TCPH_HDRLEN_BYTES(header);
    self.again = payload + ((TCPH_FLAGS(header) & (TCP_SYN | TCP_FIN)) != 0);
    if ((TCPH_FLAGS(header) & TCP_SYN) && pcb->nrtx == 0)
        self.again = 0;
    self.ports = pcb->local_port | (uint64_t)pcb->remote_port << 32;
}

/* A reset without a connection has no control block. */
void tell_tcp_output(const struct pbuf *pbuf, const struct tcp_hdr *header, const struct tcp_pcb *pcb)
{
    self.again = 0;
    if (!pcb || pcb->state == LISTEN)
        return;
    look_at_state(pcb);
    if (TCP_SEQ_LT(lwip_ntohl(header->seqno), pcb->snd_nxt))
        begins_before(pbuf, header, pcb);
}
