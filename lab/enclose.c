/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab/enclose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where daemons listen. */
#define SOCKETS "/run"

static enum plab_status refused(const char *doing, const char *what, struct plab_error *err) {
    return plab_fail(err, PLAB_E_RESOURCE, "cannot %s %s: %s", doing, what, strerror(errno));
}

static enum plab_status enter_network(const char *path, struct plab_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool good = fd >= 0 && setns(fd, CLONE_NEWNET) == 0;
    enum plab_status status = good ? PLAB_OK : refused("enter the network namespace", path, err);
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

/* ---- names ---- */

/* Makes a file with its folders; `path` is put together again. Failures show when it is used. */
static void make_file(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0) {
        close(fd);
    }
}

/* `etc`/name over `target`, which may have been below what is hidden now. */
static enum plab_status put_over(const char *etc, const char *name, char *target,
                                 struct plab_error *err) {
    char source[PATH_MAX];
    snprintf(source, sizeof source, "%s/%s", etc, name);
    if (strncmp(target, SOCKETS "/", sizeof SOCKETS) == 0) {
        make_file(target);
    }
    return mount(source, target, NULL, MS_BIND, NULL) == 0
               ? PLAB_OK
               : refused("put the lab's own file over", target, err);
}

/* Only the first file has to be there already: without the others, libraries have no other ways to
 * ask than the first names. */
static enum plab_status answer_names(const char *etc, struct plab_error *err) {
    static const char *const names[] = {"resolv.conf", "nsswitch.conf", "hosts"};
    char targets[PLAB_ARRAY_LEN(names)][PATH_MAX];
    char path[PATH_MAX];
    bool there[PLAB_ARRAY_LEN(names)];
    for (size_t i = 0; i < PLAB_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "/etc/%s", names[i]);
        there[i] = realpath(path, targets[i]) != NULL;
        if (!there[i] && i == 0) {
            return refused("put the lab's own file over", path, err);
        }
    }
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return refused("make a mount namespace for", etc, err);
    }
    if (mount("none", SOCKETS, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0) {
        return refused("hide", SOCKETS, err);
    }
    enum plab_status status = PLAB_OK;
    for (size_t i = 0; status == PLAB_OK && i < PLAB_ARRAY_LEN(names); i++) {
        status = there[i] ? put_over(etc, names[i], targets[i], err) : PLAB_OK;
    }
    return status;
}

/* ---- no privileges ---- */

/* The folder is taken out of the tree as it is, and put back when the tree is read-only. */
static enum plab_status keep_one_folder(const char *folder, struct plab_error *err) {
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    int tree = open_tree(AT_FDCWD, folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0) {
        return refused("keep writable", folder, err);
    }
    bool good = mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only) == 0 &&
                move_mount(tree, "", AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH) == 0;
    enum plab_status status = good ? PLAB_OK : refused("make all read-only but", folder, err);
    close(tree);
    return status;
}

static enum plab_status drop_privileges(struct plab_error *err) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0) {
            return refused("drop", "privileges", err);
        }
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &head, none) != 0) {
        return refused("drop", "privileges", err);
    }
    return PLAB_OK;
}

enum plab_status plab_enclose(const struct plab_enclosure *enclosure, struct plab_error *err) {
    enum plab_status status = PLAB_OK;
    if (enclosure->netns != NULL) {
        status = enter_network(enclosure->netns, err);
    }
    if (status == PLAB_OK && enclosure->etc != NULL) {
        status = answer_names(enclosure->etc, err);
    }
    if (status == PLAB_OK && enclosure->writable != NULL) {
        status = keep_one_folder(enclosure->writable, err);
    }
    if (status == PLAB_OK && enclosure->writable != NULL) {
        status = drop_privileges(err);
    }
    return status;
}
