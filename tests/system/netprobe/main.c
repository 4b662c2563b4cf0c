/* netprobe: runs its attacks one after another, and dies in the middle of a transfer. See probe.h. */
#include "tests/system/netprobe/probe.h"

#include <abi/boot_options.h>
#include <stdlib.h>

handle_t channel, signal;
uint16_t host_port;

static unsigned run(const struct attack *attacks)
{
    unsigned failed = 0;
    for (; attacks->name; attacks++) {
        const char *fault = attacks->run();
        failed += fault != NULL;
        if (fault)
            log_error("FAILED %s: %s", attacks->name, fault);
        else
            log_info("ok %s", attacks->name);
    }
    return failed;
}

/* With a connection open, bytes on their way and a port listened on. */
_Noreturn static void die_in_the_middle(void)
{
    static struct net_client net;
    static const uint8_t bytes[16000];
    uint32_t slot;
    status_t status = probe_attach(&net, OWN_NETWORK, NET_SCOPE_LISTEN(OWN_PORT));
    if (status == OK)
        status = try_listen(&net, OWN_PORT);
    if (status == OK)
        status = try_connect(&net, host_address, &slot);
    if (status == OK && net_client_write(&net, slot, bytes, sizeof bytes))
        net_client_flush(&net);
    log_info("done: %s", status_text(status));
    task_exit(0);
}

int main(void)
{
    size_t length;
    const char *port = boot_option(boot_line(), "netprobe", &length);
    host_port = (uint16_t)(port ? atoi(port) : 0);
    status_t status = channel_with_signal(16, 8, &channel, &signal);
    if (status == OK)
        status = service_ready(channel);
    if (status != OK)
        return status;
    unsigned failed = run(attach_attacks) + run(scope_attacks) + run(bulk_attacks);
    log_info("%u failed", failed);
    die_in_the_middle();
}
