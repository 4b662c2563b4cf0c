#include "jarvis/cap_text.h"
#include <proto/protocol.h>
#include <stdio.h>
#include <string.h>

struct right {
    uint32_t bit;
    const char *name, *means[LANGUAGES];
};
#define RIGHTS_OF_A_TYPE 5

/* clang-format off */
/* The kernel's bits, by object type. */
static const struct right rights[OBJECT_TYPE_COUNT][RIGHTS_OF_A_TYPE] = {
    [OBJECT_TASK] = {{RIGHT_TASK_INFO, "info", {"look at the task", "regarder la tâche"}},
                     {RIGHT_TASK_CONTROL, "control", {"start it, give it capabilities, end it", "la démarrer, lui donner des capacités, la finir"}}},
    [OBJECT_MEMORY] = {{RIGHT_MEMORY_READ, "read", {"map it to read", "la lire"}},
                       {RIGHT_MEMORY_WRITE, "write", {"to write", "l'écrire"}},
                       {RIGHT_MEMORY_EXEC, "exec", {"to run code", "en exécuter le code"}},
                       {RIGHT_MEMORY_PIN, "pin", {"let a device reach it", "la montrer à un périphérique"}}},
    [OBJECT_CHANNEL] = {{RIGHT_CHANNEL_SEND, "send", {"send messages", "envoyer des messages"}},
                        {RIGHT_CHANNEL_RECV, "receive", {"be the one who gets them", "être celui qui les reçoit"}}},
    [OBJECT_SIGNAL] = {{RIGHT_SIGNAL_RAISE, "raise", {"ring it (badge: which bits)", "sonner (badge : quels bits)"}},
                       {RIGHT_SIGNAL_BIND, "bind", {"hear it ring", "l'entendre sonner"}}},
    [OBJECT_IRQ] = {{RIGHT_IRQ_USE, "use", {"get a device's interrupts", "recevoir les interruptions d'un périphérique"}}},
    [OBJECT_IOPORT] = {{RIGHT_IOPORT_READ, "read", {"read these I/O ports", "lire ces ports d'E/S"}},
                       {RIGHT_IOPORT_WRITE, "write", {"write them", "les écrire"}}},
    [OBJECT_DMA] = {{RIGHT_DMA_PIN, "pin", {"let this one device reach memory", "donner de la mémoire à ce périphérique"}}},
    [OBJECT_TRACE] = {{RIGHT_TRACE_EMIT, "emit", {"write to the log", "écrire au journal"}},
                      {RIGHT_TRACE_OBSERVE, "observe", {"see the kernel's figures", "voir les chiffres du noyau"}},
                      {RIGHT_TRACE_CONTROL, "control", {"choose what is traced", "choisir ce qui est tracé"}}},
    [OBJECT_POWER] = {{RIGHT_POWER_USE, "use", {"switch off, reboot", "éteindre, redémarrer"}}},
    [OBJECT_ROOT] = {{RIGHT_ROOT_DEVICE, "devices", {"make capabilities for devices", "faire des capacités de périphériques"}},
                     {RIGHT_ROOT_TASK, "tasks", {"make tasks", "créer des tâches"}}},
};
static const struct right common[] = {
    {RIGHT_MINT, "mint", {"derive weaker ones from it", "en dériver de plus faibles"}},
    {RIGHT_TRANSFER, "transfer", {"hand it on", "la transmettre"}}};
static const struct right service_rights[] = {
    {SERVICE_READ, "READ", {"look", "regarder"}},
    {SERVICE_WRITE, "WRITE", {"change data", "changer des données"}},
    {SERVICE_ADMIN, "ADMIN", {"restart, configure", "redémarrer, configurer"}},
    {SERVICE_ATTACH, "ATTACH", {"become a client", "devenir client"}},
    {SERVICE_LISTEN, "LISTEN", {"open ports", "ouvrir des ports"}},
    {SERVICE_CONNECT, "CONNECT", {"reach other machines", "joindre d'autres machines"}}};
/* clang-format on */
#define COMMON (sizeof common / sizeof common[0])
#define SERVICE_RIGHTS (sizeof service_rights / sizeof service_rights[0])

const char *cap_type_name(uint32_t type)
{
    static const char *const names[] = {
#define X(name, text) text,
        OBJECT_TYPES(X)
#undef X
    };
    return type < OBJECT_TYPE_COUNT ? names[type] : "?";
}

static size_t add(char *out, size_t n, const char *word)
{
    size_t room = CAP_RIGHTS_TEXT - n;
    int more = snprintf(out + n, room, "%s%s", n ? " " : "", word);
    return more < 0 || (size_t)more >= room ? n + strlen(out + n) : n + (size_t)more;
}

/* Adds the names of the bits that the list knows and takes these out of *bits. */
static size_t add_names(char *out, size_t n, const struct right *list, size_t count, uint32_t *bits)
{
    for (size_t i = 0; i < count && list[i].name; i++) {
        if (!(*bits & list[i].bit))
            continue;
        n = add(out, n, list[i].name);
        *bits &= ~list[i].bit;
    }
    return n;
}

const char *cap_rights_text(char *out, uint32_t type, uint32_t bits)
{
    size_t n = 0;
    char rest[16];
    out[0] = 0;
    bits &= type == OBJECT_CHANNEL ? RIGHTS_ALL : ~RIGHTS_SERVICE;
    if (type < OBJECT_TYPE_COUNT)
        n = add_names(out, n, rights[type], RIGHTS_OF_A_TYPE, &bits);
    n = add_names(out, n, common, COMMON, &bits);
    bits &= RIGHTS_SERVICE;
    if (bits == RIGHTS_SERVICE) {
        add(out, n, "ALL");
        return out;
    }
    n = add_names(out, n, service_rights, SERVICE_RIGHTS, &bits);
    snprintf(rest, sizeof rest, "0x%x", (unsigned)bits);
    if (bits)
        add(out, n, rest);
    return out;
}

const char *cap_badge_text(char *out, uint64_t badge)
{
    snprintf(out, UNIT_TEXT, badge > 0xffff ? "0x%lx" : "%lu", (unsigned long)badge);
    return out;
}

/* ---- the legend ---- */

void cap_legend_note(struct cap_legend *legend, uint32_t type, uint32_t bits)
{
    if (type < OBJECT_TYPE_COUNT)
        legend->seen[type] |= type == OBJECT_CHANNEL ? bits : bits & ~RIGHTS_SERVICE;
}

#define LEGEND_WIDTH 100

/* One right and its meaning, on a new line where the last one is full. */
static void say_right(struct answer *out, const struct right *right, const char *title, size_t *width)
{
    char text[128];
    snprintf(text, sizeof text, "%s = %s", right->name, right->means[out->language]);
    size_t more = text_width(text) + 2;
    if (*width == 0)
        say(out, "  %-8s %s", title, text);
    else if (*width + more > LEGEND_WIDTH)
        say(out, ";\n           %s", text);
    else
        say(out, "; %s", text);
    *width = *width == 0 || *width + more > LEGEND_WIDTH ? 11 + more : *width + more;
}

static void say_line(struct answer *out, const char *title, const struct right *list, size_t count, uint32_t bits)
{
    size_t width = 0;
    for (size_t i = 0; i < count && list[i].name; i++)
        if (bits & list[i].bit)
            say_right(out, &list[i], title, &width);
    if (width)
        say(out, "\n");
}

void cap_legend_say(const struct cap_legend *legend, struct answer *out)
{
    uint32_t any = 0, service = legend->seen[OBJECT_CHANNEL] & RIGHTS_SERVICE;
    say(out, "%s", T(out, "What the rights allow:\n", "Ce que les droits permettent :\n"));
    for (uint32_t type = 0; type < OBJECT_TYPE_COUNT; type++) {
        say_line(out, cap_type_name(type), rights[type], RIGHTS_OF_A_TYPE, legend->seen[type]);
        any |= legend->seen[type];
    }
    say_line(out, T(out, "any", "toutes"), common, COMMON, any);
    say_line(out, "CAPITALS", service_rights, SERVICE_RIGHTS, service);
    if (service & ~0x3fu)
        say(out, "%s",
            T(out, "           ALL, 0x...: as the service behind the channel means them\n",
              "           ALL, 0x... : selon le service derrière le canal\n"));
}
