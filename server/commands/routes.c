/* `packhouse routes`: every address that the server answers, from the tables that it routes by. */
#include "server/commands/nouns.h"
#include "server/routes.h"

static int print_routes(struct command_call *call)
{
    if (call->json)
        routes_print_json(stdout);
    else
        routes_print(stdout);
    return EXIT_DONE;
}

const struct command routes_commands[] = {
    {"routes", NULL, NULL, "Lists the addresses that the server answers, and who may", NULL, NULL, 0, print_routes},
    {0},
};
