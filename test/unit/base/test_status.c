#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base.h"

static void each_status_has_a_text_of_its_own(void **state) {
    static const enum status all[] = {
#define S(name, value, text) STATUS_##name,
        STATUSES(S)
#undef S
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        assert_true(strlen(status_name(all[i])) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_int_not_equal(all[i], all[j]);
            assert_string_not_equal(status_name(all[i]), status_name(all[j]));
        }
    }
    assert_string_equal(status_name(STATUS_OK), "ok");
}

static void only_ok_is_not_negative(void **state) {
#define S(name, value, text) assert_true(STATUS_##name == STATUS_OK || STATUS_##name < 0);
    STATUSES(S)
#undef S
    assert_int_equal(STATUS_OK, 0);
}

static void unknown_status_has_a_text(void **state) {
    assert_string_equal(status_name((enum status)77), "unknown status");
}

static void take_hands_the_pointer_over(void **state) {
    int v = 1, *from = &v;
    int *to = TAKE(from);
    assert_ptr_equal(to, &v);
    assert_null(from);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_a_text_of_its_own),
        cmocka_unit_test(only_ok_is_not_negative),
        cmocka_unit_test(unknown_status_has_a_text),
        cmocka_unit_test(take_hands_the_pointer_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
