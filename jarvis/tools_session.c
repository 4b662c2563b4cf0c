/* help, whoami, login, logout */
#include "jarvis/tool.h"
#include <string.h>

static const char *role_name(const struct answer *out, uint32_t role)
{
    static const char *const names[LANGUAGES][3] = {
        {"observer", "operator", "admin"}, {"observateur (observer)", "opérateur (operator)", "administrateur"}};
    return names[out->language][role < 3 ? role : 0];
}

status_t tool_whoami(struct call *call)
{
    struct answer *out = call->out;
    char peer[48];
    address_text(peer, call->who->peer);
    if (out->json) {
        struct sheet *sheet = sheet_facts(out, "whoami");
        sheet_label(sheet, "role", NULL);
        put_text(sheet, call->who->role == ROLE_OBSERVER ? "observer"
                        : call->who->role == ROLE_ADMIN  ? "admin"
                                                         : "operator");
        sheet_label(sheet, "session", NULL);
        put_number(sheet, call->who->number);
        sheet_label(sheet, "peer", NULL);
        put_text(sheet, peer);
        sheet_end(sheet);
        return OK;
    }
    say(out, T(out, "You are %s in session %u, from %s.\n", "Vous êtes %s, session %u, depuis %s.\n"),
        role_name(out, call->who->role), call->who->number, peer);
    if (call->who->role == ROLE_OBSERVER)
        say(out, T(out, "You may look at everything and change nothing; `login TOKEN` makes you operator.\n",
                   "Vous pouvez tout voir et rien changer ; `login JETON` fait de vous un opérateur.\n"));
    else
        say(out,
            T(out, "You may restart, stop and start services; `logout` makes you observer again.\n",
              "Vous pouvez redémarrer, arrêter et démarrer des services ; `logout` refait de vous un observateur.\n"));
    return OK;
}

status_t tool_login(struct call *call)
{
    say(call->out, T(call->out, "Type `login TOKEN`; the token is on the serial console or in the boot line.\n",
                     "Tapez `login JETON` ; le jeton est sur la console série ou dans la ligne de démarrage.\n"));
    return OK;
}

status_t tool_logout(struct call *call)
{
    bool quits = call->clause->focus == C_QUIT || call->clause->focus == C_BYE;
    call->action = quits ? CONSOLE_CLOSE : CONSOLE_LOGOUT;
    if (quits)
        say(call->out, T(call->out, "Goodbye.\n", "Au revoir.\n"));
    return OK;
}

/* ---- help ---- */

static void help_line(struct sheet *sheet, enum intent intent)
{
    const struct tool *tool = &tools[intent];
    enum language l = sheet->out->language;
    put_text(sheet, tool->example[l]);
    put_text(sheet, tool->title[l]);
}

static void help_all(struct answer *out)
{
    static const struct column columns[] = {{"example", "Type", "Tapez", false},
                                            {"title", "to see", "pour voir", false}};
    struct sheet *sheet = sheet_table(out, "help", columns, 2);
    for (unsigned i = 0; i < INTENT_COUNT; i++)
        if (tools[i].run && tools[i].example[0])
            help_line(sheet, (enum intent)i);
    say(out, T(out, "Ask in your own words, in English or French, or type:\n",
               "Demandez avec vos mots, en français ou en anglais, ou tapez :\n"));
    sheet_end(sheet);
    say(out,
        T(out,
          "Also: `help memory`, `parse ...` and `plan ...` (what I understood, what I would do), --json after a\n"
          "request, `a and then b` for two, `login TOKEN`, `logout`, `quit`.\n"
          "Questions work too: how much memory is free? who is using the most cpu? is netsrv running?\n",
          "Et aussi : `aide mémoire`, `parse ...` et `plan ...` (ce que j'ai compris, ce que je ferais), --json après\n"
          "une demande, `a puis b` pour deux, `login JETON`, `logout`, `quit`.\n"
          "Les questions marchent : combien de mémoire est libre ? qui utilise le plus de cpu ? netsrv tourne-t-il ?\n"));
}

static void help_one(struct answer *out, enum intent intent)
{
    const struct tool *tool = &tools[intent];
    static const char *const effects[LANGUAGES][3] = {
        {"only looks", "changes the system", "destroys something: asks before"},
        {"ne fait que regarder", "change le système", "détruit quelque chose : demande avant"}};
    enum language l = out->language;
    struct sheet *sheet = sheet_facts(out, "help");
    sheet_label(sheet, "tool", T(out, "Tool", "Outil"));
    put_text(sheet, intent_name(intent));
    sheet_label(sheet, "title", T(out, "What", "Quoi"));
    put_text(sheet, tool->title[l] ? tool->title[l] : intent_name(intent));
    if (tool->example[l]) {
        sheet_label(sheet, "example", T(out, "Type", "Tapez"));
        put_text(sheet, tool->example[l]);
    }
    sheet_label(sheet, "effect", T(out, "Effect", "Effet"));
    put_text(sheet, effects[l][tool->effect]);
    sheet_label(sheet, "needs", T(out, "Needs", "Demande"));
    if (tool->cap == CAP_NOTHING)
        put_text(sheet, T(out, "nothing", "rien"));
    else
        put_format(sheet, T(out, "%s on %s", "%s sur %s"), right_name(tool->cap, tool->right),
                   cap_kind_name(tool->cap, l));
    sheet_label(sheet, "available", T(out, "In this version", "Dans cette version"));
    put_yes(sheet, tool->run != NULL);
    sheet_end(sheet);
}

/* The answer is the list all the same: what is looked for may have another name there. */
static void say_no_help(struct answer *out, const char *topic)
{
    char name[64];
    text_neutral(name, sizeof name, topic, strlen(topic));
    say(out,
        T(out, "I have no help on \"%s\"; here is what there is.\n",
          "Je n'ai pas d'aide sur « %s » ; voici ce qu'il y a.\n"),
        name);
}

static enum intent topic_intent(const char *topic)
{
    for (unsigned i = 0; topic && i < INTENT_COUNT; i++)
        if (strcmp(topic, intent_name((enum intent)i)) == 0)
            return (enum intent)i;
    return INTENT_unknown;
}

status_t tool_help(struct call *call)
{
    const char *words = call_slot(call, SLOT_topic);
    enum intent topic = topic_intent(words);
    if (words && topic == INTENT_unknown)
        say_no_help(call->out, words);
    if (topic == INTENT_unknown)
        help_all(call->out);
    else
        help_one(call->out, topic);
    return OK;
}
