#define PY_SSIZE_T_CLEAN
#include <Python.h>

static PyObject *adler32(PyObject *self, PyObject *args)
{
    const unsigned char *bytes;
    Py_ssize_t length;
    unsigned long low = 1, high = 0;

    if (!PyArg_ParseTuple(args, "y#", &bytes, &length))
        return NULL;
    for (Py_ssize_t i = 0; i < length; i++) {
        low = (low + bytes[i]) % 65521;
        high = (high + low) % 65521;
    }
    return PyLong_FromUnsignedLong(high << 16 | low);
}

static PyMethodDef methods[] = {
    {"adler32", adler32, METH_VARARGS, "The Adler-32 checksum of some bytes."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_adler", NULL, -1, methods};

PyMODINIT_FUNC PyInit__adler(void)
{
    return PyModule_Create(&module);
}
