#include "server/commands/command.h"

#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    umask(0027); /* what is stored is for this user, and at most for his group */
    return command_run(argc, (const char **)argv, (const char *const *)environ);
}
