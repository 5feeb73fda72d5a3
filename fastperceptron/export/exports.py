"""The methods by which a `Perceptron` leaves for other programs; each form is imported when it is asked for."""

import os
from typing import Any


class Exports:
    """A model as ONNX, as scikit-learn's own estimator, as SQL and as JSON."""

    def to_onnx(self, path: str | os.PathLike[str] | None = None, *, dtype: Any = "float64") -> Any:
        """Return the model as an ONNX graph, and write it to `path` if that is given.

        The input is "X", (n_rows, n_features). The outputs are named as skl2onnx names them: "label", (n_rows,), what
        `predict` returns, and "probabilities", (n_rows, n_classes), what `predict_proba` returns: a plain tensor, not
        the list of dictionaries that skl2onnx makes unless zipmap=False. Labels are int64, text, booleans or floats as
        `classes` are. All is computed in float64, as here, by operators of opset 13 or later; LinearClassifier of
        ai.onnx.ml is not used, because its coefficients are float32. The file's metadata hold "feature_names" (the
        order of the columns of X) and "target_name" as JSON.

        Rows are not checked: NaN gives NaN as probabilities, and a label without meaning.

        Parameters
        ----------
        path : path, optional
            The file, which is replaced when the new one is complete.
        dtype : {"float64", "float32"}
            Of X and of the probabilities. Rows of float32 are exact in either; values that float32 rounds are other
            rows, so that their labels near the boundary may be others.

        Returns
        -------
        onnx.ModelProto
            ``model.to_onnx().SerializeToString()`` is what onnxruntime.InferenceSession takes.

        Raises
        ------
        ValueError
            If `dtype` is another, a whole number among the labels does not fit int64, or a text cannot be encoded in
            UTF-8.
        OSError
            If the file cannot be written.
        ModuleNotFoundError
            If the package onnx is not installed.
        """
        from fastperceptron.export.onnx_model import to_onnx

        return to_onnx(self, path, dtype)

    def to_sklearn(self) -> Any:
        """Return a fitted estimator of scikit-learn with the same predictions.

        For more than two classes, scikit-learn divides the sigmoids as they are: where all of a row are smaller than
        float64 can hold (every z below about -700), it does not have this model's probabilities. Of classes with
        exactly equal z this model predicts the first; scikit-learn before 1.9 another.

        Returns
        -------
        LogisticRegression, or OneVsRestClassifier of LogisticRegression for three or more classes
            With `classes_`, `n_features_in_` and, if there are names, `feature_names_in_`. Parameters such as C are
            scikit-learn's defaults: they say nothing of how this model was trained.

        Raises
        ------
        ModuleNotFoundError
            If scikit-learn is not installed.

        Examples
        --------
        >>> import fastperceptron as fp
        >>> fp.Perceptron([1.0, -2.0], 0.5, ["short", "tall"]).to_sklearn().predict([[3.0, 0.0], [0.0, 3.0]])
        array(['tall', 'short'], dtype='<U5')
        """
        from fastperceptron.export.sklearn_model import to_sklearn

        return to_sklearn(self)

    def to_sql(
        self, dialect: str = "duckdb", *, output: str = "probability", categorical: Any = "auto"
    ) -> str | dict[Any, str]:
        """Return the model as SQL, to be selected from a table whose columns are named as the features.

        The result is NULL in rows where a number is NULL, NaN, infinite (or, in SQLite, text), or a categorical column
        is NULL; the methods of the model refuse such rows. A level that the model does not know adds nothing to z, as
        in a Dataset. Features without names are the columns x0, x1 and so on. Numbers have all digits of float64.

        SQLite needs its mathematical functions (SQLITE_ENABLE_MATH_FUNCTIONS), which most builds have; else it says
        that there is no function exp.

        Parameters
        ----------
        dialect : {"duckdb", "sqlite", "postgres"}
        output : {"probability", "label"}
        categorical : "auto" or sequence of str
            The columns whose features are levels, named "column=level" as `dataset` names them. "auto" takes each name
            that contains one "=" for a level; [] none.

        Returns
        -------
        str, or dict of label to str
            One expression: the label that `predict` returns, or the probability of the second class, which is 1 minus
            that of the first. Probabilities of three or more classes are one expression for each label.

        Raises
        ------
        ValueError
            If a name is empty, holds NUL or half a surrogate pair, is too long, or differs from another by case only,
            where the database would not tell them apart; if a level or a label cannot be written; if a name may be a
            number or a level; or if an argument is not as above.

        Examples
        --------
        >>> import fastperceptron as fp
        >>> model = fp.Perceptron([1.0], 0.5, ["no", "yes"], ["age"])
        >>> print(model.to_sql("sqlite"))
        CASE WHEN typeof(`age`) IN ('integer', 'real') AND abs(`age` * 1e0) < 9e999
        THEN 1.0e0 / (1.0e0 + exp(-(0.5e0 + 1.0e0 * `age`))) END
        """
        from fastperceptron.export.sql import to_sql

        return to_sql(self, dialect, output, categorical)

    def to_json(self) -> str:
        """Return the model as a JSON object of plain values.

        Its members are "format" ("fastperceptron-json/1"), "probabilities" ("sigmoid": of the second class, from one z;
        or "one_vs_rest": the sigmoids of all z, divided by their sum), "classes", "feature_names" and "target_name"
        (or null), "weights", an array of n_features numbers or one such array per class, and "bias", a number or one
        per class: z = weights . x + bias. Numbers read back as float64 to the bit. The history is left out.

        Raises
        ------
        ValueError
            If a text would not be read as it is, since it holds two surrogates that are not one character.

        Examples
        --------
        >>> import json
        >>> import fastperceptron as fp
        >>> json.loads(fp.Perceptron([1.0, -2.0], 0.5, ["no", "yes"]).to_json())["weights"]
        [1.0, -2.0]
        """
        from fastperceptron.export.json_object import to_json

        return to_json(self)
